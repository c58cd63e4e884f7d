//! The byte stream between a client and Actix's HTTP dispatcher.
//!
//! It hands Actix one request at a time. The next head is passed on when the response to the one before is complete
//! and the client's network has taken it. Otherwise Actix would take up to 16 requests at once, and buffer responses
//! without a limit for a client that sends and never reads.

use std::{
    future::poll_fn,
    io::{ErrorKind, Result},
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use actix_web::http::StatusCode;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{
    connection::{BodyFraming, Connection, Interrupt, Phase},
    head,
    held::Held,
    refusal::{Reason, Refusal},
    registry::Worker,
    shared::Shared,
    ticks::NO_DEADLINE,
};

/// Bytes that are read from the socket at once while Actix may not have them.
const READ_AHEAD_BYTES: usize = 4096;

/// A client's stream. Dropping it removes the connection from the registry.
pub(super) struct Stream {
    tcp: TcpStream,
    pub(super) connection: Arc<Connection>,
    worker: Arc<Worker>,
    shared: Arc<Shared>,
    held: Held,
    part: Part,
    /// Whether the client has not taken what was written.
    is_stalled: bool,
    /// Whether the response is complete, but not the request's body.
    is_lingering: bool,
    waker: Option<Waker>,
}

/// The part of a request that is read next.
enum Part {
    /// A head, of which so many bytes were searched for its end.
    Head { searched: usize },
    /// A complete head in [`Stream::held`] of which Actix needs so many bytes.
    CompleteHead { left: usize },
    /// Actix has the head. It has not said yet whether a body follows.
    Unknown { has_yielded: bool },
    /// A body.
    Body(BodyFraming),
    /// Nothing: the request is complete, and the next one has to wait.
    Nothing,
    /// Nothing: the server refuses this request with a response of its own, and closes the connection.
    Refused(Refusal),
}

impl Stream {
    pub fn new(tcp: TcpStream, connection: Arc<Connection>, worker: Arc<Worker>, shared: Arc<Shared>) -> Self {
        let held = Held::new(Arc::clone(&shared.registry.long_heads), connection.client);
        Self {
            tcp,
            connection,
            worker,
            shared,
            held,
            part: Part::Head { searched: 0 },
            is_stalled: false,
            is_lingering: false,
            waker: None,
        }
    }

    /// Waits for the first complete head. A connection without one costs no dispatcher, which has 16 kB of buffers.
    pub async fn first_head(&mut self) -> Result<()> {
        poll_fn(|cx| {
            self.handle_interrupt(cx)?;
            loop {
                if let Part::Refused(refusal) = &mut self.part {
                    return refusal.poll(&mut self.tcp, cx).map(Err);
                }
                if self.find_head()? {
                    return Poll::Ready(Ok(()));
                }
                if !matches!(self.part, Part::Refused(_)) && ready!(self.poll_read_ahead(cx))? == 0 {
                    return Poll::Ready(Err(ErrorKind::UnexpectedEof.into()));
                }
            }
        })
        .await
    }

    /// Looks for a complete head in the bytes that are held.
    fn find_head(&mut self) -> Result<bool> {
        let Part::Head { searched } = self.part else { return Ok(false) };
        if searched == 0 {
            // RFC 9112, 2.2: some clients send an empty line after a body.
            let blank = self.held.bytes().iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.held.consume(blank);
        }
        let Some(first) = self.held.bytes().first().copied() else { return Ok(false) };
        if !head::can_begin(first) {
            let is_tls = first == head::TLS_HANDSHAKE;
            self.refuse(StatusCode::BAD_REQUEST, if is_tls { Reason::Tls } else { Reason::NotHttp });
            return Ok(false);
        }
        if let Some(end) = head::find_end(self.held.bytes(), head::resume_at(searched)) {
            self.begin_head(Phase::Parsing)?;
            head::ignore_upgrade(&mut self.held.bytes_mut()[..end]);
            self.part = Part::CompleteHead { left: end };
            return Ok(true);
        }
        if self.held.len() >= head::MAX_HEAD_BYTES {
            self.refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Reason::HeadTooLarge);
            return Ok(false);
        }
        if matches!(self.connection.phase(), Phase::New | Phase::Idle) {
            self.begin_head(Phase::Head)?;
            self.connection.set_deadline(self.connection.deadlines.head());
        }
        self.part = Part::Head { searched: self.held.len() };
        Ok(false)
    }

    fn begin_head(&self, phase: Phase) -> Result<()> {
        if self.connection.leave_unused(phase) { Ok(()) } else { Err(ErrorKind::ConnectionAborted.into()) }
    }

    /// Reads what has arrived into [`Stream::held`], and returns its length: 0 at the stream's end.
    fn poll_read_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let mut space = [MaybeUninit::<u8>::uninit(); READ_AHEAD_BYTES];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut buffer))?;
        self.hold(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn hold(&mut self, bytes: &[u8]) {
        if !self.held.push(bytes) {
            self.refuse(StatusCode::SERVICE_UNAVAILABLE, Reason::TooManyLongHeads);
        }
    }

    /// Lets the connection end with a response of the server itself.
    fn refuse(&mut self, status: StatusCode, reason: Reason) {
        self.held.clear();
        self.connection.set_phase(Phase::Refusing);
        self.connection.set_deadline(self.connection.deadlines.linger());
        self.part = Part::Refused(self.shared.refuse(self.connection.peer, status, reason));
    }

    /// Does what the registry has woken the connection for. An error closes it.
    fn handle_interrupt(&mut self, cx: &Context<'_>) -> Result<()> {
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.connection.set_waker(cx.waker());
            self.waker = Some(cx.waker().clone());
        }
        if !self.connection.is_interrupted() {
            return Ok(());
        }
        let phase = self.connection.phase();
        match (self.connection.take_interrupt(), phase) {
            (Interrupt::None, _) => Ok(()),
            (Interrupt::Deadline, Phase::Head | Phase::Parsing) => {
                self.shared.count_timeout(&self.connection, phase);
                self.refuse(StatusCode::REQUEST_TIMEOUT, Reason::HeadTooSlow);
                Ok(())
            }
            (Interrupt::Deadline, _) => {
                self.shared.count_timeout(&self.connection, phase);
                Err(ErrorKind::TimedOut.into())
            }
            (Interrupt::Close, _) => Err(ErrorKind::ConnectionAborted.into()),
        }
    }

    /// Passes bytes of a body on, up to its end, and holds back what follows.
    fn poll_body(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let Part::Body(framing) = &mut self.part else { return Poll::Ready(Ok(())) };
        let before = buffer.filled().len();
        if self.held.is_empty() {
            ready!(Pin::new(&mut self.tcp).poll_read(cx, buffer))?;
            let arrived = &buffer.filled()[before..];
            // Actix sees a malformed body end, and the handler answers with a 400.
            let length = framing.advance(arrived).unwrap_or(0);
            if !self.held.push(&arrived[length..]) {
                return Poll::Ready(Err(ErrorKind::OutOfMemory.into()));
            }
            buffer.set_filled(before + length);
        } else {
            let available = self.held.len().min(buffer.remaining());
            let length = framing.advance(&self.held.bytes()[..available]).unwrap_or(0);
            self.held.move_to(buffer, length);
        }
        if framing.is_complete() {
            self.finish_body(cx)?;
        }
        Poll::Ready(Ok(()))
    }

    fn finish_body(&mut self, cx: &Context<'_>) -> Result<()> {
        if !self.connection.finish_body() {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        self.part = Part::Nothing;
        if self.is_lingering {
            self.is_lingering = false;
            self.expect_request(cx);
        } else if !self.is_stalled {
            self.connection.set_deadline(NO_DEADLINE);
        }
        Ok(())
    }

    /// Watches for the stream's end, which cancels the request, while the next request has to wait.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        while self.held.len() < READ_AHEAD_BYTES {
            if ready!(self.poll_read_ahead(cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Pending
    }

    /// Passes a head on. The common case, a whole head that arrives alone, is not copied.
    fn poll_head(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        if self.held.is_empty() {
            ready!(Pin::new(&mut self.tcp).poll_read(cx, buffer))?;
            let arrived = &buffer.filled()[before..];
            let Some(first) = arrived.first().copied() else { return Poll::Ready(Ok(())) };
            if head::can_begin(first) && head::find_end(arrived, 0) == Some(arrived.len()) {
                self.begin_head(Phase::Parsing)?;
                self.connection.set_deadline(self.connection.deadlines.head());
                self.part = Part::Unknown { has_yielded: false };
                head::ignore_upgrade(&mut buffer.filled_mut()[before..]);
                return Poll::Ready(Ok(()));
            }
            self.hold(arrived);
            buffer.set_filled(before);
        }
        while !self.find_head()? {
            if matches!(self.part, Part::Refused(_)) {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_read_ahead(cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// After the response has been handed to the network.
    fn finish_response(&mut self, cx: &Context<'_>) {
        let body = match self.part {
            Part::Unknown { .. } => self.connection.body().map(Part::Body),
            Part::Body(framing) => Some(Part::Body(framing)),
            _ => None,
        };
        if let Some(body) = body {
            self.part = body;
            self.is_lingering = true;
            self.connection.set_deadline(self.connection.deadlines.linger());
        } else {
            self.expect_request(cx);
        }
    }

    fn expect_request(&mut self, cx: &Context<'_>) {
        self.part = Part::Head { searched: 0 };
        self.connection.set_deadline(self.connection.deadlines.idle());
        self.connection.set_phase(Phase::Idle);
        if !self.held.is_empty() {
            cx.waker().wake_by_ref();
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        this.handle_interrupt(cx)?;
        loop {
            match &mut this.part {
                Part::Head { .. } => {
                    let before = buffer.filled().len();
                    ready!(this.poll_head(cx, buffer))?;
                    let is_end = matches!(this.part, Part::Head { .. });
                    if is_end || buffer.filled().len() > before {
                        return Poll::Ready(Ok(()));
                    }
                }
                Part::CompleteHead { left } => {
                    *left -= this.held.move_to(buffer, *left);
                    if *left == 0 {
                        this.part = Part::Unknown { has_yielded: false };
                    }
                    return Poll::Ready(Ok(()));
                }
                Part::Unknown { has_yielded } => {
                    if this.connection.is_serving() {
                        this.part = this.connection.body().map_or(Part::Nothing, Part::Body);
                        continue;
                    }
                    if this.held.is_empty() || *has_yielded {
                        return this.poll_end(cx);
                    }
                    // Before it looks for the stream's end, Actix gets a chance to handle the request.
                    *has_yielded = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Part::Body(_) => return this.poll_body(cx, buffer),
                Part::Nothing => return this.poll_end(cx),
                Part::Refused(refusal) => return refusal.poll(&mut this.tcp, cx).map(Err),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let this = &mut *self;
        this.handle_interrupt(cx)?;
        if this.connection.phase() == Phase::Closed {
            return Poll::Ready(Err(ErrorKind::ConnectionAborted.into()));
        }
        if !this.connection.is_serving() && !matches!(this.part, Part::Refused(_)) {
            // Actix refuses the request by itself, with a response that has neither a body nor our headers.
            let (status, reason) = Reason::of_actix(bytes);
            this.refuse(status, reason);
        }
        if let Part::Refused(refusal) = &mut this.part {
            // Actix's response is never taken, so that Actix waits until this one is sent.
            return refusal.poll(&mut this.tcp, cx).map(Err);
        }
        let written = Pin::new(&mut this.tcp).poll_write(cx, bytes);
        if written.is_pending() && !this.is_stalled {
            this.is_stalled = true;
            this.connection.set_deadline(this.connection.deadlines.response());
        }
        written
    }

    /// Actix calls it when the network has taken all that was written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        this.handle_interrupt(cx)?;
        if let Part::Refused(refusal) = &mut this.part {
            return refusal.poll(&mut this.tcp, cx).map(Err);
        }
        if this.is_stalled {
            this.is_stalled = false;
            let is_body_due = matches!(this.part, Part::Body(_));
            this.connection.set_deadline(if is_body_due { this.connection.deadlines.body() } else { NO_DEADLINE });
        }
        if this.connection.take_response_encoded() {
            this.finish_response(cx);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        this.handle_interrupt(cx)?;
        match &mut this.part {
            Part::Refused(refusal) => refusal.poll(&mut this.tcp, cx).map(Err),
            _ => Pin::new(&mut this.tcp).poll_shutdown(cx),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.registry.remove(&self.worker, &self.connection);
    }
}
