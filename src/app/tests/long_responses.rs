//! Responses that take long, which no page of Keyrack does yet.

use std::{
    convert::Infallible,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    pin::Pin,
    sync::{Arc, mpsc},
    task::{Context, Poll, ready},
    thread,
    time::Duration,
};

use actix_web::{
    HttpResponse,
    body::{BodySize, MessageBody},
    rt::{
        self, System,
        time::{Interval, interval},
    },
    web::{self, Bytes, ServiceConfig},
};

use crate::{
    Keyrack,
    app::server::{build, ticks},
    config::{Config, ConnectionLimits},
};

/// Sends a line every 300 milliseconds.
struct Lines {
    interval: Interval,
    left: u32,
}

impl MessageBody for Lines {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.interval.poll_tick(cx));
        self.left -= 1;
        Poll::Ready(Some(Ok(Bytes::from_static(b"line\n"))))
    }
}

/// Serves `mount` with deadlines of a tick, and returns what the client receives for these requests.
fn exchange(requests: &str, mount: fn(&mut ServiceConfig)) -> String {
    let directory = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", directory.path().join("keyrack.db").display());
    let mut config = Config::new(database.parse().unwrap(), "the newest secret of all".parse().unwrap());
    config.connections = ConnectionLimits {
        head_timeout: ticks::TICK,
        body_timeout: ticks::TICK,
        response_timeout: ticks::TICK,
        idle_timeout: ticks::TICK,
        ..ConnectionLimits::default()
    };
    let keyrack = Keyrack::new(config).unwrap();
    let (state, registry) = (Arc::clone(&keyrack.0), Arc::clone(&keyrack.1));
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (started, handle) = mpsc::channel();
    let thread = thread::spawn(move || {
        System::new().block_on(async move {
            let running = build(listener, 1, registry, state, mount).unwrap();
            started.send(running.handle()).unwrap();
            running.await.unwrap();
        });
    });
    let server = handle.recv().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(requests.as_bytes()).unwrap();
    let mut received = String::new();
    client.read_to_string(&mut received).unwrap();
    drop(server.stop(false));
    thread.join().unwrap();
    received
}

#[test]
fn response_that_is_sent_in_parts_may_take_long() {
    let received = exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /after HTTP/1.1\r\nHost: x\r\n\r\n", |config| {
        let lines =
            || async { HttpResponse::Ok().body(Lines { interval: interval(Duration::from_millis(300)), left: 6 }) };
        config.route("/", web::get().to(lines)).route("/after", web::get().to(HttpResponse::NoContent));
    });
    assert_eq!(received.matches("line\n").count(), 6, "{received}");
    assert!(received.contains("\r\n0\r\n\r\nHTTP/1.1 204 "), "the next request waits for the end: {received}");
}

#[test]
fn response_that_is_prepared_slowly_has_no_deadline() {
    let received = exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n", |config| {
        let slow = || async {
            rt::time::sleep(4 * ticks::TICK).await;
            HttpResponse::Ok().body("ready")
        };
        config.route("/", web::get().to(slow));
    });
    assert!(received.ends_with("\r\n\r\nready"), "{received}");
}

#[test]
fn error_of_the_application_is_a_response() {
    let received = exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", |config| {
        let fail = || async { Err::<HttpResponse, _>(actix_web::error::ErrorImATeapot("no")) };
        config.route("/", web::get().to(fail));
    });
    assert_eq!(received.matches("HTTP/1.1 418 ").count(), 2, "{received}");
}
