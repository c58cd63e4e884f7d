//! A TCP connection that is read line by line, until it is encrypted by STARTTLS.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Hands over at most one line per read. lettre keeps what it has read when TLS begins on the connection, and would take
/// for encrypted what an attacker between the two had put behind the answer to STARTTLS (the injection of CVE-2011-0411).
/// So these bytes stay here, where the TLS handshake reads them, and fails.
#[derive(Debug)]
pub(super) struct PlainStream {
    tcp: TcpStream,
    /// What was read, and is not handed over yet.
    buffer: Vec<u8>,
}

impl PlainStream {
    pub fn new(tcp: TcpStream) -> Self {
        Self { tcp, buffer: Vec::new() }
    }
}

impl AsyncTokioStream for PlainStream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.peer_addr()
    }
}

impl AsyncRead for PlainStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        const MAX_READ: usize = 4096;
        let this = &mut *self;
        if this.buffer.is_empty() {
            let mut bytes = [0; MAX_READ];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.tcp).poll_read(context, &mut read))?;
            this.buffer.extend_from_slice(read.filled());
        }
        let line = this.buffer.iter().position(|byte| *byte == b'\n').map_or(this.buffer.len(), |end| end + 1);
        let handed_over = line.min(into.remaining());
        into.put_slice(&this.buffer[..handed_over]);
        this.buffer.drain(..handed_over);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PlainStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
