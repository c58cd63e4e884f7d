//! SIGTERM: requests in flight are finished, new ones are not accepted

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use crate::support::{EngineKind, PASSWORD, Program, TestDatabase, on_both_engines};

const EMAIL: &str = "rajat.verma@example.com";

on_both_engines!(sign_in_in_flight_is_finished_before_shutdown);

/// Starts a sign-in before the signal, and sends the rest of it after the server has stopped listening. The response to
/// `Expect: 100-continue` shows that the request is in flight, a refused connection that the signal has arrived.
fn sign_in_in_flight_is_finished_before_shutdown(engine: EngineKind) {
    let database = TestDatabase::new(engine);
    let program = Program::new(&database).with("KEYRACK_HASH_COST", "m=65536,t=4,p=1");
    program.add_user(EMAIL);
    let mut serving = program.serve();
    let mut browser = serving.browser();
    let csrf_token = browser.get("/login").csrf_token();
    let fields = [("email", EMAIL), ("password", PASSWORD), ("csrf_token", &csrf_token)];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let cookies: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();

    let mut request = TcpStream::connect(serving.address).unwrap();
    request.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut answer = BufReader::new(request.try_clone().unwrap());
    write!(
        request,
        "POST /login HTTP/1.1\r\nhost: {}\r\ncookie: {}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        serving.address,
        cookies.join("; "),
        body.len()
    )
    .unwrap();
    let mut line = String::new();
    answer.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");

    serving.terminate();
    while TcpStream::connect(serving.address).is_ok() {
        thread::sleep(Duration::from_millis(5));
    }
    request.write_all(body.as_bytes()).unwrap();
    let mut text = String::new();
    answer.read_to_string(&mut text).unwrap();
    assert!(text.trim_start().starts_with("HTTP/1.1 303 See Other\r\n"), "{text}");

    let stopped = serving.wait();
    assert_eq!(stopped.status, 0, "{stopped:?}");
    assert!(stopped.err.trim_end().lines().last().unwrap().contains("\"stopped\""), "{stopped:?}");
    // The acknowledged sign-in is durable.
    let cookie = text.split_once("set-cookie: keyrack.sid=").unwrap().1.split_once(';').unwrap().0;
    browser.cookies.insert("keyrack.sid".to_owned(), cookie.to_owned());
    assert!(browser.at(program.serve().address).is_signed_in());
}
