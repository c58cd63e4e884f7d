//! The HTTP server: Actix's dispatcher behind streams that bound what a client can cost.
//!
//! Actix 4 has no deadline for the heads of later requests and for bodies, takes pipelined requests without bounding
//! their responses, and limits connections per worker only. `HttpServer` has no hook below its dispatcher, so this
//! builds the same server from `actix_server` and `actix_http`, around [`stream::Stream`]. See docs/decisions/0016.

mod chunked;
mod client_networks;
mod connection;
#[cfg(test)]
mod fuzz_tests;
mod head;
mod held;
mod long_heads;
mod metrics;
mod rate_limited_log;
mod refusal;
pub(super) mod registry;
mod shared;
mod stream;
pub(super) mod ticks;
mod track_requests;

use std::{
    io::Error,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_http::{HttpService, KeepAlive, error::DispatchError};
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::{App, dev::AppConfig, rt, rt::net::TcpStream, web::ServiceConfig};
use socket2::SockRef;

use registry::{Registry, Worker};
use shared::Shared;
use stream::Stream;
use track_requests::TrackRequests;

use crate::web::AppState;

/// How long the server waits for requests in flight when it stops.
const SHUTDOWN_SECONDS: u64 = 10;

/// Actix panics above this.
const MAX_WORKERS: usize = 512;

/// How long Actix lets a client read a response that was sent before the request's body had arrived.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// New connections that the kernel keeps until a place is free. It may have a lower limit (`net.core.somaxconn`).
const MAX_QUEUED_CONNECTIONS: i32 = 1024;

/// Bytes per connection that the kernel may keep unsent. Further ones stay in Actix's buffer, which is bounded.
const MAX_UNSENT_BYTES: u32 = 64 * 1024;

/// Builds the server on a bound listener.
pub(super) fn build(
    listener: TcpListener,
    workers: usize,
    registry: Arc<Registry>,
    state: Arc<AppState>,
    mount: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> std::io::Result<Server> {
    configure_socket(&listener)?;
    let workers = workers.clamp(1, MAX_WORKERS);
    let per_worker = registry.max().div_ceil(workers);
    let shared = Arc::new(Shared { registry, state });
    let builder = Server::build()
        .workers(workers)
        .shutdown_timeout(SHUTDOWN_SECONDS)
        // Beyond it, new connections stay in the listener's queue.
        .max_concurrent_connections(per_worker);
    let stopping = builder.graceful_shutdown_signal();
    let server = builder.listen("keyrack", listener, move || {
        let worker = shared.registry.add_worker();
        rt::spawn(check_deadlines(Arc::clone(&shared), Arc::clone(&worker), stopping.clone()));
        let (shared, mount, stopping) = (Arc::clone(&shared), mount.clone(), stopping.clone());
        let accept = move |tcp| accept(tcp, Arc::clone(&shared), Arc::clone(&worker));
        let app = App::new().configure(|config| mount(config)).into_factory();
        let http = HttpService::build()
            // Deadlines are ours: Actix's would cost a timer per request, and cover less.
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            // A closed connection cancels a queued password hash; a database transaction that is running completes or
            // rolls back.
            .h1_allow_half_closed(false)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .on_connect_ext(|stream: &Stream, data| {
                data.insert(Arc::clone(&stream.connection));
            })
            .h1(TrackRequests(map_config(app, |()| AppConfig::default())));
        fn_service(accept).and_then(http)
    })?;
    Ok(server.run())
}

/// Sets the length of the listener's queue, and options that accepted connections inherit.
fn configure_socket(listener: &TcpListener) -> std::io::Result<()> {
    let socket = SockRef::from(listener);
    // The standard library's listeners queue 128 new connections.
    socket.listen(MAX_QUEUED_CONNECTIONS)?;
    socket.set_tcp_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    socket.set_tcp_notsent_lowat(MAX_UNSENT_BYTES)?;
    Ok(())
}

/// Takes a connection in, and waits for the first head on it.
async fn accept(
    tcp: TcpStream,
    shared: Arc<Shared>,
    worker: Arc<Worker>,
) -> Result<(Stream, Option<SocketAddr>), DispatchError> {
    let peer = tcp.peer_addr()?;
    let Some(connection) = shared.registry.admit(&worker, peer.ip()) else {
        shared.log_refused_connection(peer.ip());
        return Err(Error::from(std::io::ErrorKind::ConnectionRefused).into());
    };
    let mut stream = Stream::new(tcp, connection, worker, shared);
    stream.first_head().await?;
    Ok((stream, Some(peer)))
}

/// Checks the deadlines of a worker's connections until the worker ends.
async fn check_deadlines(shared: Arc<Shared>, worker: Arc<Worker>, stopping: GracefulShutdownSignal) {
    let mut interval = rt::time::interval(ticks::TICK);
    rt::spawn({
        let (shared, worker) = (Arc::clone(&shared), Arc::clone(&worker));
        async move {
            stopping.notified().await;
            shared.state.broadcast.close();
            worker.close_unused();
        }
    });
    loop {
        interval.tick().await;
        worker.expire();
        shared.registry.evict_surplus(0, &worker);
    }
}
