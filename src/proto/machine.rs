use super::event::{Event, Intake, Sent};
use super::{Ledger, ReadyState};

/// The connection below the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// The connection attempt is under way.
    Connecting,
    /// The connection is established; [`Event::Open`] is due.
    Connected,
    /// The connection is established, and [`Event::Open`] was emitted or is not needed.
    Up,
    /// The socket needs no connection any more: it failed, was lost, was abandoned or has ended.
    Gone,
}

/// One direction of the connection: incoming (the peer sends) or outgoing (we send).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DirectionState {
    /// More bytes may follow.
    Flowing,
    /// Incoming: the peer's FIN has arrived and is not reported to the listeners yet. Outgoing: FIN is to follow the last byte.
    Ending,
    /// Incoming: the end was reported. Outgoing: FIN is sent.
    Ended,
}

/// Whether the application wants [`Event::Finish`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FinishRequest {
    /// It was not requested, or it was emitted.
    None,
    /// It was requested; FIN is not sent yet.
    Waiting,
    /// It was requested, and FIN is sent: the event is due.
    Due,
}

/// Whether relay() was called (R-relay).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RelayState {
    /// It was not called: received bytes and events go to the listeners.
    Off,
    /// Received bytes go to the other socket, and the listeners get none of them.
    Forwarding,
    /// As `Forwarding`; FIN has also gone out to the other socket's peer.
    EndForwarded,
}

/// The readyState machine of one TCP socket, with its ledger. `E` is the error type.
///
/// The driver reports what the system says, the application calls, and [`Machine::next`] returns one event at a
/// time. readyState changes in a call or in `next`, never in a report (R-task).
#[derive(Debug)]
pub struct Machine<E> {
    /// The bufferedAmount account.
    pub ledger: Ledger,
    /// The readyState that the application sees.
    state: ReadyState,
    /// What the system has said of the connection.
    link: Link,
    /// The direction in which the peer sends.
    incoming: DirectionState,
    /// The direction in which we send.
    outgoing: DirectionState,
    /// True once [`Event::Open`] was emitted; for an accepted socket, from the start. If it is true, [`Event::Close`] follows an error; if
    /// not, the error is the last event.
    has_opened: bool,
    /// Why the attempt failed or the connection was lost. None: neither has happened, or it was emitted.
    fault: Option<E>,
    /// True while [`Event::Close`] is due.
    close_due: bool,
    /// True between [`Event::HalfClose`] and the closing that follows it: `allowHalfOpen` is false, and there was a listener.
    closes_after_half_close: bool,
    /// The option `allowHalfOpen`. None: a `halfclose` listener decides (R-tcp-fin).
    allow_half_open: Option<bool>,
    /// True between suspend() and resume().
    suspended: bool,
    /// True while there is a listener for received bytes.
    has_data_listener: bool,
    /// True while there is a `halfclose` listener.
    has_half_close_listener: bool,
    /// True once [`Event::Ended`] was requested.
    reports_end: bool,
    /// What the stream does with received bytes.
    intake: Intake,
    /// Whether [`Event::Finish`] was requested.
    finish: FinishRequest,
    /// Whether the socket is part of a relay.
    relay: RelayState,
}

impl<E> Machine<E> {
    /// A socket whose connection attempt is under way.
    pub fn connecting(ledger: Ledger, allow_half_open: Option<bool>) -> Self {
        Self {
            ledger,
            state: ReadyState::Connecting,
            link: Link::Connecting,
            incoming: DirectionState::Flowing,
            outgoing: DirectionState::Flowing,
            has_opened: false,
            fault: None,
            close_due: false,
            closes_after_half_close: false,
            allow_half_open,
            suspended: false,
            has_data_listener: false,
            has_half_close_listener: false,
            reports_end: false,
            intake: Intake::Flowing,
            finish: FinishRequest::None,
            relay: RelayState::Off,
        }
    }

    /// A socket that a server accepted: it is open, and `open` does not fire (R-srv-connect).
    pub fn accepted(ledger: Ledger, allow_half_open: Option<bool>) -> Self {
        Self { state: ReadyState::Open, link: Link::Up, has_opened: true, ..Self::connecting(ledger, allow_half_open) }
    }

    // --- getters ---

    /// `readyState`.
    pub fn state(&self) -> ReadyState {
        self.state
    }

    /// Whether the connection attempt is under way, and not abandoned.
    pub fn is_connecting(&self) -> bool {
        self.link == Link::Connecting
    }

    /// Whether received bytes are to be read and delivered. A stream that holds its high-water mark also gets the bytes before a
    /// loss: the size of the system's buffer limits them, and the loss must not wait for a reader.
    pub fn wants_data(&self) -> bool {
        let flows = match self.intake {
            Intake::Flowing => true,
            Intake::Held => self.is_faulty(),
            Intake::Dropped => false,
        };
        (self.is_relayed() || (self.has_data_listener && flows)) && self.may_deliver()
    }

    /// Whether received bytes are to be read and dropped. That is so after close(), so that the peer gets no reset (R-tcp-close),
    /// and where the stream was cancelled.
    pub fn drops_data(&self) -> bool {
        self.drops_after_close() || (self.intake == Intake::Dropped && !self.is_faulty() && self.may_deliver())
    }

    /// Whether received bytes are dropped because close() was called.
    fn drops_after_close(&self) -> bool {
        self.state == ReadyState::Closing && self.link == Link::Up && self.incoming == DirectionState::Flowing
    }

    /// Whether bytes can be written to the system.
    pub fn can_write(&self) -> bool {
        self.link == Link::Up && self.fault.is_none()
    }

    /// Whether FIN is to follow our last byte, and the connection can carry it.
    pub fn wants_fin(&self) -> bool {
        self.outgoing == DirectionState::Ending && self.can_write()
    }

    /// Whether a closing socket has not sent FIN yet. closeTimeout limits this time (R-tcp-close).
    pub fn is_flushing(&self) -> bool {
        self.state == ReadyState::Closing && self.wants_fin()
    }

    /// Whether a closing socket has sent FIN and waits for the peer's. The linger of R-tcp-close limits this time.
    pub fn lingers(&self) -> bool {
        self.drops_after_close() && self.outgoing == DirectionState::Ended
    }

    /// Whether the connection is up and the peer's FIN has not arrived.
    pub fn peer_may_send(&self) -> bool {
        self.link == Link::Up && self.incoming == DirectionState::Flowing
    }

    /// Whether a failure or a loss is known and not emitted yet.
    pub fn is_faulty(&self) -> bool {
        self.fault.is_some()
    }

    /// Whether `open` was emitted, or a server accepted the socket. Then `close` follows an error.
    pub fn has_opened(&self) -> bool {
        self.has_opened
    }

    /// Whether suspend() is in force. A relay ignores it.
    pub fn is_suspended(&self) -> bool {
        self.suspended && !self.is_relayed()
    }

    /// Whether the peer's end was reported, or forwarded by a relay.
    pub fn has_ended(&self) -> bool {
        self.incoming == DirectionState::Ended
    }

    /// Whether the socket needs its connection no more.
    pub fn is_link_gone(&self) -> bool {
        self.link == Link::Gone
    }

    /// Whether the socket is closed and its last event was emitted.
    pub fn is_over(&self) -> bool {
        self.state == ReadyState::Closed && self.fault.is_none() && !self.close_due
    }

    /// Whether relay() was called.
    fn is_relayed(&self) -> bool {
        self.relay != RelayState::Off
    }

    /// Whether the state allows that received bytes are delivered.
    fn may_deliver(&self) -> bool {
        self.link == Link::Up
            && self.has_opened
            && !self.is_suspended()
            && self.incoming == DirectionState::Flowing
            && matches!(self.state, ReadyState::Open | ReadyState::HalfClosed)
    }

    // --- reports from below ---

    /// The connection is established.
    pub fn connected(&mut self) {
        if self.link == Link::Connecting {
            self.link = Link::Connected;
        }
    }

    /// The connection attempt failed, or the established connection is lost. Only the first report counts.
    pub fn lost(&mut self, error: E) {
        if self.state != ReadyState::Closed && self.fault.is_none() {
            self.fault = Some(error);
        }
    }

    /// The peer's FIN has arrived and every byte before it was read, or the linger is over.
    pub fn peer_ended(&mut self) {
        if self.incoming == DirectionState::Flowing {
            self.incoming = DirectionState::Ending;
        }
    }

    /// FIN was sent behind our last byte.
    pub fn fin_sent(&mut self) {
        if self.outgoing == DirectionState::Ending {
            self.outgoing = DirectionState::Ended;
            if self.finish == FinishRequest::Waiting {
                self.finish = FinishRequest::Due;
            }
        }
    }

    // --- calls from above ---

    /// send() of so many `bytes` (R-tcp-send, R-tcp-full). `error` is called only if the buffer is full.
    pub fn send(&mut self, bytes: u64, error: impl FnOnce(&Ledger) -> E) -> Sent {
        if self.state != ReadyState::Open || self.is_relayed() {
            return Sent::NotOpen;
        }
        if self.fault.is_some() {
            return Sent::Ignored;
        }
        if self.ledger.overflows(bytes) {
            self.fault = Some(error(&self.ledger));
            self.state = ReadyState::Closed;
            self.link = Link::Gone;
            return Sent::Full;
        }
        Sent::Accepted(self.ledger.accept(bytes))
    }

    /// send() of a Blob of so many `bytes`. The bytes follow later; they never make the buffer full (R-tcp-full).
    pub fn send_blob(&mut self, bytes: u64) -> Sent {
        match self.state {
            _ if self.is_relayed() => Sent::NotOpen,
            ReadyState::Open if self.fault.is_some() => Sent::Ignored,
            ReadyState::Open => Sent::Accepted(self.ledger.accept_blob(bytes)),
            _ => Sent::NotOpen,
        }
    }

    /// halfclose() (R-tcp-halfclose).
    pub fn half_close(&mut self) {
        if matches!(self.state, ReadyState::Connecting | ReadyState::Open) && !self.is_relayed() {
            self.state = ReadyState::HalfClosed;
            self.outgoing = DirectionState::Ending;
        }
    }

    /// close() (R-tcp-close). While connecting it abandons the attempt, and the error is `abandoned` (R-tcp-close-connecting).
    pub fn close(&mut self, abandoned: impl FnOnce() -> E) {
        if matches!(self.state, ReadyState::Closing | ReadyState::Closed) {
            return;
        }
        self.state = ReadyState::Closing;
        if self.has_opened {
            if self.outgoing == DirectionState::Flowing {
                self.outgoing = DirectionState::Ending;
            }
        } else {
            self.link = Link::Gone;
            self.fault = Some(abandoned());
        }
    }

    /// reset() (R-reset). The socket is closed at once, and `close` follows. While connecting it does what close() does.
    pub fn reset(&mut self, abandoned: impl FnOnce() -> E) {
        if self.state == ReadyState::Closed {
            return;
        }
        if !self.has_opened {
            return self.close(abandoned);
        }
        self.state = ReadyState::Closed;
        self.link = Link::Gone;
        self.fault = None;
        self.close_due = true;
    }

    /// The socket's signal was aborted (R-abort). The socket is closed at once and `error` follows; then `close`, if it had opened.
    pub fn abort(&mut self, aborted: impl FnOnce() -> E) {
        if self.state == ReadyState::Closed || (self.state == ReadyState::Closing && !self.has_opened) {
            return;
        }
        self.state = ReadyState::Closed;
        self.link = Link::Gone;
        self.fault = Some(aborted());
    }

    /// Requests [`Event::Finish`], which is emitted once. If FIN is sent already, the event is due now.
    pub fn request_finish(&mut self) {
        self.finish = if self.outgoing == DirectionState::Ended { FinishRequest::Due } else { FinishRequest::Waiting };
    }

    /// relay(): from now on `message`, `drain` and `halfclose` are not emitted (R-relay).
    pub fn relay(&mut self) {
        if self.relay == RelayState::Off {
            self.relay = RelayState::Forwarding;
        }
        self.suspended = false;
        self.ledger.drained();
    }

    /// relay(): the other socket's peer has ended. FIN is to follow our last byte; readyState stays.
    pub fn forward_end(&mut self) {
        if self.outgoing == DirectionState::Flowing {
            self.outgoing = DirectionState::Ending;
        }
    }

    /// relay(): FIN has gone out to the other socket's peer.
    pub fn end_forwarded(&mut self) {
        if self.relay == RelayState::Forwarding {
            self.relay = RelayState::EndForwarded;
        }
    }

    /// suspend() (R-tcp-suspend).
    pub fn suspend(&mut self) {
        self.suspended = true;
    }

    /// resume().
    pub fn resume(&mut self) {
        self.suspended = false;
    }

    /// Which listeners there are now (R-listen, R-tcp-fin): `data` for received bytes, `half_close` for `halfclose`.
    pub fn set_listeners(&mut self, data: bool, half_close: bool) {
        self.has_data_listener = data;
        self.has_half_close_listener = half_close;
    }

    /// Requests [`Event::Ended`] from now on (R-once).
    pub fn request_end(&mut self) {
        self.reports_end = true;
    }

    /// What the stream does with received bytes from now on (R-streams).
    pub fn set_intake(&mut self, intake: Intake) {
        self.intake = intake;
    }

    // --- outputs ---

    /// The next event that is due. readyState changes here as the event says. None: no event is due.
    ///
    /// `unread`: true while the system holds bytes that arrived before a loss. The loss waits while a listener or resume()
    /// is to get them.
    pub fn next(&mut self, unread: bool) -> Option<Event<E>> {
        if self.link == Link::Connected {
            self.link = Link::Up;
            self.has_opened = true;
            if self.state == ReadyState::Connecting {
                self.state = ReadyState::Open;
            }
            return Some(Event::Open);
        }
        if let Some(error) = self.take_fault(unread) {
            self.close_due = self.has_opened;
            self.state = ReadyState::Closed;
            self.link = Link::Gone;
            return Some(Event::Error(error));
        }
        if self.fault.is_some() {
            return None;
        }
        if self.state == ReadyState::Closed {
            return std::mem::take(&mut self.close_due).then_some(Event::Close);
        }
        if self.ledger.drain_ready() {
            self.ledger.drained();
            if !self.is_relayed() {
                return Some(Event::Drain);
            }
        }
        if self.finish == FinishRequest::Due {
            self.finish = FinishRequest::None;
            return Some(Event::Finish);
        }
        if std::mem::take(&mut self.closes_after_half_close) && self.state == ReadyState::Open {
            self.begin_closing();
        }
        if self.incoming == DirectionState::Ending && (!self.is_suspended() || self.state == ReadyState::Closing) {
            self.incoming = DirectionState::Ended;
            if self.state == ReadyState::Open && !self.is_relayed() {
                if self.decide_half_close() {
                    return Some(Event::HalfClose);
                }
                if self.reports_end {
                    return Some(Event::Ended);
                }
            }
        }
        // An open relayed socket stays until its peer's FIN has gone out to the other socket's peer.
        let is_forwarding = self.relay == RelayState::Forwarding && self.state == ReadyState::Open;
        if self.incoming == DirectionState::Ended && self.outgoing == DirectionState::Ended && !is_forwarding {
            self.state = ReadyState::Closed;
            self.link = Link::Gone;
            return Some(Event::Close);
        }
        None
    }

    /// The peer has ended. Returns whether [`Event::HalfClose`] is to be emitted; if not, closing begins (R-tcp-fin).
    fn decide_half_close(&mut self) -> bool {
        let stays_open = self.allow_half_open.unwrap_or(self.has_half_close_listener);
        if stays_open || self.has_half_close_listener {
            self.closes_after_half_close = !stays_open;
            return true;
        }
        self.begin_closing();
        false
    }

    /// "closing": FIN is to follow our last byte.
    fn begin_closing(&mut self) {
        self.state = ReadyState::Closing;
        self.outgoing = DirectionState::Ending;
    }

    /// Takes the loss if it is to be emitted now. It overtakes `unread` bytes, but not those that a listener or resume() is to
    /// get (R-tcp-lost, R-tcp-suspend).
    fn take_fault(&mut self, unread: bool) -> Option<E> {
        let waits = unread
            && self.has_opened
            && matches!(self.state, ReadyState::Open | ReadyState::HalfClosed)
            && (self.suspended || self.has_data_listener)
            && !self.is_relayed();
        if waits { None } else { self.fault.take() }
    }
}
