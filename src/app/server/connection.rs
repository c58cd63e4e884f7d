//! The state of one connection, which its stream, the requests on it and the registry share.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::Waker,
};

use parking_lot::Mutex;

use super::{
    chunked::ChunkedBody,
    client_networks::Client,
    ticks::{Deadlines, NO_DEADLINE},
};

/// What a connection is doing. Only its own worker moves it forward; other threads may only turn an unused connection
/// into a closed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// No byte has arrived since the connection was opened.
    New,
    /// No byte of the next request has arrived.
    Idle,
    /// A part of a head has arrived.
    Head,
    /// Actix has the head, and has not passed the request on. What it writes now is a response of its own.
    Parsing,
    /// A request is being handled whose body has not arrived whole.
    Body,
    /// A request is being handled, or its response sent.
    Serving,
    /// The server refuses the request with a response of its own, after which the connection closes.
    Refusing,
    /// Another connection took its place.
    Closed,
}

impl Phase {
    fn from_u8(value: u8) -> Self {
        match value {
            0 => Self::New,
            1 => Self::Idle,
            2 => Self::Head,
            3 => Self::Parsing,
            4 => Self::Body,
            5 => Self::Serving,
            6 => Self::Refusing,
            _ => Self::Closed,
        }
    }
}

/// The part of a request that has not arrived whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unfinished {
    Head,
    Body,
}

/// A connection that waits for its client, and since when, as a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unused {
    /// What has arrived in part; `None` if the connection is idle.
    pub unfinished: Option<Unfinished>,
    pub since: u32,
}

/// Why the registry wakes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Interrupt {
    None,
    /// Its deadline has passed.
    Deadline,
    /// It closes: for another connection, or because the server stops.
    Close,
}

/// How the body of a request is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFraming {
    /// So many bytes are left of it.
    Length(u64),
    Chunked(ChunkedBody),
}

impl BodyFraming {
    /// Takes the next bytes, and returns how many of them belong to the body; `None` if it is malformed.
    pub fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Length(left) => {
                let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                // `taken` is at most `left`.
                *left -= taken as u64;
                Some(taken)
            }
            Self::Chunked(body) => body.advance(bytes).ok(),
        }
    }

    pub fn is_complete(self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(ChunkedBody::End))
    }
}

/// In [`Connection::body`]: a body in chunks. No length of a body is as long.
const CHUNKED: u64 = u64::MAX;

/// The state of one connection. Its fields are atomics because threads that need its place read it; a request writes
/// five of them, without a lock.
#[derive(Debug)]
pub(super) struct Connection {
    /// The peer, for the log.
    pub peer: IpAddr,
    /// How many connections the server had accepted before.
    pub number: u64,
    /// The client whose share it counts to, unless it is a trusted proxy.
    pub client: Option<Client>,
    /// Its place in the registry of its worker, which changes under that registry's lock.
    pub index: AtomicUsize,
    phase: AtomicU8,
    interrupt: AtomicU8,
    deadline: AtomicU32,
    body: AtomicU64,
    response_encoded: AtomicBool,
    counted: AtomicBool,
    waker: Mutex<Option<Waker>>,
    pub deadlines: Arc<Deadlines>,
}

impl Connection {
    pub fn new(peer: IpAddr, client: Option<Client>, number: u64, deadlines: Arc<Deadlines>) -> Self {
        Self {
            peer,
            number,
            client,
            index: AtomicUsize::new(0),
            phase: AtomicU8::new(Phase::New as u8),
            interrupt: AtomicU8::new(Interrupt::None as u8),
            deadline: AtomicU32::new(deadlines.head()),
            body: AtomicU64::new(0),
            response_encoded: AtomicBool::new(false),
            counted: AtomicBool::new(true),
            waker: Mutex::new(None),
            deadlines,
        }
    }

    pub fn phase(&self) -> Phase {
        Phase::from_u8(self.phase.load(Relaxed))
    }

    pub fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
    }

    /// Moves an unused connection to `next`, unless another thread has closed it.
    pub fn leave_unused(&self, next: Phase) -> bool {
        let current = self.phase.load(Relaxed);
        let current = Phase::from_u8(current);
        matches!(current, Phase::New | Phase::Idle | Phase::Head) && self.replace_phase(current, next)
    }

    /// What the connection waits for, unless it handles a request that has arrived whole.
    pub fn unused(&self) -> Option<Unused> {
        let deadline = self.deadline();
        let (unfinished, since) = match self.phase() {
            Phase::New => (None, self.deadlines.head_began(deadline)),
            Phase::Idle => (None, self.deadlines.idle_began(deadline)),
            Phase::Head => (Some(Unfinished::Head), self.deadlines.head_began(deadline)),
            Phase::Body => (Some(Unfinished::Body), self.deadlines.body_began(deadline)),
            Phase::Parsing | Phase::Serving | Phase::Refusing | Phase::Closed => return None,
        };
        Some(Unused { unfinished, since })
    }

    /// Closes the connection if it still waits for the same.
    pub fn close_while(&self, unfinished: Option<Unfinished>) -> bool {
        let phases: &[Phase] = match unfinished {
            None => &[Phase::New, Phase::Idle],
            Some(Unfinished::Head) => &[Phase::Head],
            Some(Unfinished::Body) => &[Phase::Body],
        };
        let closed = phases.iter().any(|phase| self.replace_phase(*phase, Phase::Closed));
        if closed {
            self.interrupt(Interrupt::Close);
        }
        closed
    }

    /// Records that the whole body has arrived, unless another thread has closed the connection.
    pub fn finish_body(&self) -> bool {
        self.replace_phase(Phase::Body, Phase::Serving)
    }

    fn replace_phase(&self, current: Phase, next: Phase) -> bool {
        self.phase.compare_exchange(current as u8, next as u8, Relaxed, Relaxed).is_ok()
    }

    /// Whether Actix has passed a request on to which it has not completed the response.
    pub fn is_serving(&self) -> bool {
        matches!(self.phase(), Phase::Body | Phase::Serving)
    }

    /// Closes the connection if no request is being handled on it. A request that arrives at the same moment has not
    /// been looked at.
    pub fn close_unused(&self) -> bool {
        let closed = self.leave_unused(Phase::Closed);
        if closed {
            self.interrupt(Interrupt::Close);
        }
        closed
    }

    /// Whether the registry still counts this connection; true once only.
    pub fn take_counted(&self) -> bool {
        self.counted.swap(false, Relaxed)
    }

    /// A tick number; see [`Deadlines`].
    pub fn deadline(&self) -> u32 {
        self.deadline.load(Relaxed)
    }

    pub fn set_deadline(&self, deadline: u32) {
        self.deadline.store(deadline, Relaxed);
    }

    /// Wakes the connection's task if the deadline has passed.
    pub fn expire(&self) {
        self.set_deadline(NO_DEADLINE);
        self.interrupt(Interrupt::Deadline);
    }

    fn interrupt(&self, reason: Interrupt) {
        self.interrupt.store(reason as u8, Relaxed);
        // The lock orders the store before the task's next look.
        if let Some(waker) = &*self.waker.lock() {
            waker.wake_by_ref();
        }
    }

    pub fn is_interrupted(&self) -> bool {
        self.interrupt.load(Relaxed) != Interrupt::None as u8
    }

    pub fn take_interrupt(&self) -> Interrupt {
        match self.interrupt.swap(Interrupt::None as u8, Relaxed) {
            0 => Interrupt::None,
            1 => Interrupt::Deadline,
            _ => Interrupt::Close,
        }
    }

    pub fn set_waker(&self, waker: &Waker) {
        *self.waker.lock() = Some(waker.clone());
    }

    /// Notes that Actix has passed a request on.
    pub fn start_request(&self, body: Option<BodyFraming>) {
        let (body, deadline) = match body {
            None => (0, NO_DEADLINE),
            Some(BodyFraming::Length(length)) => (length.min(CHUNKED - 1), self.deadlines.body()),
            Some(BodyFraming::Chunked(_)) => (CHUNKED, self.deadlines.body()),
        };
        self.body.store(body, Relaxed);
        self.set_deadline(deadline);
        self.set_phase(if body == 0 { Phase::Serving } else { Phase::Body });
    }

    /// The body of the request that was passed on.
    pub fn body(&self) -> Option<BodyFraming> {
        match self.body.load(Relaxed) {
            0 => None,
            CHUNKED => Some(BodyFraming::Chunked(ChunkedBody::SizeStart)),
            length => Some(BodyFraming::Length(length)),
        }
    }

    /// Notes that Actix has taken the whole response into its buffer.
    pub fn finish_encoding(&self) {
        self.response_encoded.store(true, Relaxed);
    }

    /// Whether the response was completed since the last call.
    pub fn take_response_encoded(&self) -> bool {
        let encoded = self.response_encoded.load(Relaxed);
        if encoded {
            self.response_encoded.store(false, Relaxed);
        }
        encoded
    }
}
