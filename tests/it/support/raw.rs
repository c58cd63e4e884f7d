//! Sends raw bytes, for requests that no HTTP client would send.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    time::Duration,
};

use socket2::{Domain, Socket, Type};

/// Longer than any timeout of a test's server.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Sends the bytes and returns the whole answer, which is empty if the server closed the connection without one.
pub fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut client = RawClient::connect(address);
    let mut sender = client.stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        // The server may answer and close the connection before it has read everything.
        scope.spawn(move || sender.write_all(request).ok());
        client.rest()
    })
}

/// One connection.
pub struct RawClient {
    pub stream: TcpStream,
    unread: Vec<u8>,
}

/// A response as it was sent.
#[derive(Debug)]
pub struct RawResponse {
    pub status: u16,
    /// Status line and headers, in lower case.
    pub head: String,
    pub body: String,
}

impl RawClient {
    pub fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap())
    }

    /// Connects from another address of this machine.
    pub fn connect_from(source: &str, address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        let source: IpAddr = source.parse().unwrap();
        socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::over(socket.into())
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
        Self { stream, unread: Vec::new() }
    }

    /// Sends the bytes. The server may have closed the connection.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).ok();
        self
    }

    /// Sends `GET path` and returns the response.
    pub fn get(&mut self, path: &str) -> RawResponse {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).response()
    }

    /// The next response, whose body must have a length.
    pub fn response(&mut self) -> RawResponse {
        self.response_to("GET")
    }

    /// The next response to a request with this method. Responses to HEAD have no body.
    pub fn response_to(&mut self, method: &str) -> RawResponse {
        let head = self.read_until(|unread| {
            unread.windows(4).position(|window| window == b"\r\n\r\n").map(|position| position + 4)
        });
        let head = head.to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap_or_default().parse().unwrap_or_else(|_| panic!("{head:?}"));
        let length =
            head.split("content-length: ").nth(1).map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
        let length: usize = if method == "HEAD" { 0 } else { length };
        let body = self.read_until(|unread| (unread.len() >= length).then_some(length));
        RawResponse { status, head, body }
    }

    /// Whether the server has closed the connection, without another byte.
    pub fn is_closed(&mut self) -> bool {
        self.rest().is_empty()
    }

    /// All that the server sends before it closes the connection.
    pub fn rest(&mut self) -> String {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => self.unread.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("the connection is still open"),
                Err(_) => break,
            }
        }
        String::from_utf8(std::mem::take(&mut self.unread)).unwrap()
    }

    fn read_until(&mut self, end: impl Fn(&[u8]) -> Option<usize>) -> String {
        let mut buffer = [0; 4096];
        loop {
            if let Some(end) = end(&self.unread) {
                let rest = self.unread.split_off(end);
                return String::from_utf8(std::mem::replace(&mut self.unread, rest)).unwrap();
            }
            let length = self.stream.read(&mut buffer).unwrap();
            assert_ne!(length, 0, "the connection is closed after {:?}", String::from_utf8_lossy(&self.unread));
            self.unread.extend_from_slice(&buffer[..length]);
        }
    }
}
