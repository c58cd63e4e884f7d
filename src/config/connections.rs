//! Limits of the connections to the server.

use std::time::Duration;

/// How many connections the server keeps open, and how long each may take. The defaults fit a server that faces the
/// internet.
///
/// A deadline counts from the first byte of what it limits. It never passes early, and up to a second late, since a
/// coarse timer checks all connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Maximum number of open connections. Further ones wait until one closes; idle ones are closed for them. One
    /// client (an IPv4 address or an IPv6 /64) may have a quarter of them, an IPv6 /56 three eighths, an IPv6 /48 or an
    /// IPv4 /24 half, trusted proxies any number. Default: what the limit of open files allows, at most 16,384, which
    /// need about 180 MB while they are idle.
    pub max_connections: Option<usize>,
    /// Time for a request's head, on new and on kept connections alike; then the response is a 408. A new connection
    /// on which nothing arrives is closed without one. Default: 10 seconds, a third of what a browser waits.
    pub head_timeout: Duration,
    /// Time for a request's body before the connection is closed. The body of a POST has 5 seconds before that, after
    /// which it is answered with a 408. Default: 10 seconds.
    pub body_timeout: Duration,
    /// Time for the client to receive the next 32 kB of a response, or all of a shorter one. Default: 30 seconds,
    /// which is 1 kB per second. A response that is sent in parts, with pauses, may take any time.
    pub response_timeout: Duration,
    /// Time without a request before a kept connection is closed. Must be longer than a reverse proxy keeps its idle
    /// connections, or the proxy sends requests into closing ones: nginx keeps them for 60 seconds, Traefik and Go for
    /// 90, Caddy for 120. Default: 150 seconds.
    pub idle_timeout: Duration,
    /// Time for the client to read a response after which the connection closes, while it is still sending. Without
    /// it, TCP would reset the connection and the response could be lost (RFC 9112, 9.6). Default: 2 seconds.
    pub linger_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            max_connections: None,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            response_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(150),
            linger_timeout: Duration::from_secs(2),
        }
    }
}
