//! A client of `GET /account/events`, which reads one event after the other.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

use super::Browser;

/// Longer than anything that a test waits for.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// An open stream.
pub struct EventStream {
    reader: BufReader<TcpStream>,
    /// The status line and the headers, in lower case.
    pub head: String,
    /// What was read of the body, and not taken yet.
    unread: String,
}

/// An event of the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamEvent {
    pub name: String,
    /// The token of the latest event of the account.
    pub id: String,
    pub data: Value,
}

impl EventStream {
    /// Opens a stream with this browser's cookies.
    pub fn open(browser: &Browser) -> Self {
        Self::open_with(browser, "")
    }

    /// Opens it again, after the event with this id.
    pub fn open_after(browser: &Browser, id: &str) -> Self {
        Self::open_with(browser, &format!("Last-Event-ID: {id}\r\n"))
    }

    /// Opens it as a page of another origin does.
    pub fn open_from(browser: &Browser, origin: &str) -> Self {
        Self::open_with(browser, &format!("Origin: {origin}\r\nSec-Fetch-Site: same-site\r\n"))
    }

    /// Opens it with these headers, each with its line break.
    pub fn open_with(browser: &Browser, header: &str) -> Self {
        let address = browser.address();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
        let cookies = browser.cookie_header();
        let request = format!(
            "GET /account/events HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\nCookie: {cookies}\r\n{header}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
        }
        Self { reader, head: head.to_ascii_lowercase(), unread: String::new() }
    }

    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The next event; `None` at the end of the stream.
    pub fn next(&mut self) -> Option<StreamEvent> {
        loop {
            if let Some(end) = self.unread.find("\n\n") {
                let text: String = self.unread.drain(..end + 2).collect();
                match parse(&text) {
                    Some(event) => return Some(event),
                    None => continue, // a heartbeat
                }
            }
            let chunk = self.chunk()?;
            self.unread.push_str(&chunk);
        }
    }

    /// The next event, which must have this name.
    #[track_caller]
    pub fn expect(&mut self, name: &str) -> StreamEvent {
        let event = self.next().expect("the stream goes on");
        assert_eq!(event.name, name, "{event:?}");
        event
    }

    /// The data of the last event, which says that the session has ended and closes the stream.
    #[track_caller]
    pub fn expect_end(&mut self) -> Value {
        loop {
            let event = self.next().expect("the end is told");
            if event.name == "session-ended" {
                assert_eq!(self.next(), None, "nothing follows");
                return event.data;
            }
        }
    }

    fn chunk(&mut self) -> Option<String> {
        let mut size = String::new();
        self.reader.read_line(&mut size).unwrap();
        let size = usize::from_str_radix(size.trim_end(), 16).ok().filter(|size| *size > 0)?;
        let mut chunk = vec![0; size + 2];
        self.reader.read_exact(&mut chunk).unwrap();
        chunk.truncate(size);
        Some(String::from_utf8(chunk).unwrap())
    }
}

fn parse(text: &str) -> Option<StreamEvent> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let id = field("id")?.to_owned();
    let data = serde_json::from_str(field("data").unwrap()).unwrap();
    Some(StreamEvent { name: field("event").unwrap().to_owned(), id, data })
}
