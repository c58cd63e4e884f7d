//! The server's own response to a request that can't be handled, after which the connection closes.

use std::{
    fmt,
    io::{Error, ErrorKind},
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::http::StatusCode;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Why a request is refused, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Tls,
    NotHttp,
    Malformed,
    HeadTooLarge,
    TooManyHeaders,
    TooManyLongHeads,
    HeadTooSlow,
}

impl Reason {
    /// Why Actix refuses a request, from its response.
    pub fn of_actix(response: &[u8]) -> (StatusCode, Self) {
        let status = response.get(b"HTTP/1.1 ".len()..).and_then(|rest| rest.get(..3));
        match status.and_then(|digits| StatusCode::from_bytes(digits).ok()) {
            Some(status @ StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE) => (status, Self::TooManyHeaders),
            Some(status) => (status, Self::Malformed),
            None => (StatusCode::BAD_REQUEST, Self::Malformed),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "a TLS handshake on a port that serves plain HTTP; put a proxy that terminates TLS in front",
            Self::NotHttp => "it does not begin like an HTTP request",
            Self::Malformed => "its request line or a header is not valid HTTP",
            Self::HeadTooLarge => "its headers have more than 32 kB",
            Self::TooManyHeaders => "it has more than 96 headers",
            Self::TooManyLongHeads => {
                "its headers are long, and too many long ones of its network, or of all, are incomplete at the same time"
            }
            Self::HeadTooSlow => "its headers were not complete in time",
        })
    }
}

/// A response on its way to the client.
///
/// What the client still sends is read and dropped until it closes its side: TCP would reset a connection that is
/// closed with unread bytes, and the client could lose the response. A deadline of the connection bounds this.
#[derive(Debug)]
pub(super) struct Refusal {
    response: Vec<u8>,
    written: usize,
    is_shut_down: bool,
}

impl Refusal {
    pub fn new(response: Vec<u8>) -> Self {
        Self { response, written: 0, is_shut_down: false }
    }

    /// Returns an error when all is done, which ends the connection.
    pub fn poll(&mut self, tcp: &mut TcpStream, cx: &mut Context<'_>) -> Poll<Error> {
        self.poll_close(tcp, cx).map(|result| result.err().unwrap_or_else(|| ErrorKind::ConnectionAborted.into()))
    }

    fn poll_close(&mut self, tcp: &mut TcpStream, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        while self.written < self.response.len() {
            self.written += ready!(Pin::new(&mut *tcp).poll_write(cx, &self.response[self.written..]))?;
        }
        if !self.is_shut_down {
            ready!(Pin::new(&mut *tcp).poll_shutdown(cx))?;
            self.is_shut_down = true;
        }
        loop {
            let mut space = [MaybeUninit::<u8>::uninit(); 4096];
            let mut buffer = ReadBuf::uninit(&mut space);
            ready!(Pin::new(&mut *tcp).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
