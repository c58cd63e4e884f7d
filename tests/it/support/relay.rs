//! A TCP relay that can fall silent: it keeps its connections, accepts new ones, and passes nothing on.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Connections that were opened before the relay last fell silent, or while it was, stay silent for good.
pub struct Relay {
    port: u16,
    /// Raised when it falls silent, and again when new connections are answered: odd while it is silent.
    era: Arc<AtomicUsize>,
    /// Both ends of each connection.
    connections: Arc<Mutex<Vec<(TcpStream, TcpStream)>>>,
}

impl Relay {
    /// Starts a relay to a port of this machine.
    pub fn start(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let era = Arc::new(AtomicUsize::new(0));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let (shared, kept) = (Arc::clone(&era), Arc::clone(&connections));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, opened) = (client.unwrap(), shared.load(Ordering::SeqCst));
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).unwrap();
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to, era) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(&shared));
                    thread::spawn(move || {
                        pass_on(from, to, || era.load(Ordering::SeqCst) == opened && opened % 2 == 0);
                    });
                }
                // Keeps both ends open.
                kept.lock().unwrap().push((client, server));
            }
        });
        Self { port, era, connections }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns how many connections it has accepted, except those that it closed.
    pub fn connection_count(&self) -> usize {
        self.connections.lock().unwrap().len()
    }

    pub fn fall_silent(&self) {
        self.era.store(self.era.load(Ordering::SeqCst) | 1, Ordering::SeqCst);
    }

    /// Passes on what new connections send.
    pub fn answer_new_connections(&self) {
        self.era.fetch_add(1, Ordering::SeqCst);
    }

    /// Closes all connections, as a restart of what was silent does.
    pub fn close_connections(&self) {
        for (client, server) in self.connections.lock().unwrap().drain(..) {
            let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
        }
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, is_open: impl Fn() -> bool) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).unwrap_or(0);
        if !is_open() {
            return;
        }
        if length == 0 {
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
        if to.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}
