//! The readyState machine of a stream socket: which event comes next, and what a call may do. It does no I/O, and knows no time.

use super::event::{Event, Intake, Sent};
use super::machine_states::{DirectionState, FinishRequest, Link, RelayState};
use super::{Ledger, ReadyState};

/// The readyState machine of one stream socket, with its ledger. `E` is the error type.
///
/// The socket (`net/stream_socket.rs`) reports what the system says, and passes on the application's calls. [`Machine::next`] returns one
/// event at a time. readyState changes in a call or in `next`, never in a report (R-task).
#[derive(Debug)]
pub struct Machine<E> {
    /// The bufferedAmount account.
    pub ledger: Ledger,
    /// The readyState that the application sees.
    state: ReadyState,
    /// The state of the connection as the system has reported it, or [`Link::Gone`].
    link: Link,
    /// The direction in which the peer sends.
    incoming: DirectionState,
    /// The direction in which we send.
    outgoing: DirectionState,
    /// True once [`Event::Open`] was emitted; for an accepted socket, from the start. If it is true, [`Event::Close`] follows an error; if
    /// not, the error is the last event.
    has_opened: bool,
    /// The error of a failed attempt or of a lost connection. None: there is no error, or it was emitted. (It is boxed, since few connections
    /// have one.)
    fault: Option<Box<E>>,
    /// True once [`Event::Error`] was emitted.
    has_emitted_error: bool,
    /// True while [`Event::Close`] is due.
    close_due: bool,
    /// True once the other socket of the relay was lost: this one is to become closed with [`Event::Close`].
    reset_due: bool,
    /// True from [`Event::HalfClose`] until the closing that follows it, if `allowHalfOpen` is false and there was a `halfclose` listener.
    closes_after_half_close: bool,
    /// The option `allowHalfOpen`. None: the socket stays half open only if there is a `halfclose` listener (R-tcp-fin).
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
    /// True if the peer's end must be reported again, and a `halfclose` listener has already received it. The second report is then
    /// [`Event::Ended`].
    end_was_delivered: bool,
    /// True while bytes that the program has given back wait to be delivered again (R-reader). They come before the peer's end.
    has_returned: bool,
    /// Whether [`Event::Finish`] was requested, and whether it is due.
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
            has_emitted_error: false,
            close_due: false,
            reset_due: false,
            closes_after_half_close: false,
            allow_half_open,
            suspended: false,
            has_data_listener: false,
            has_half_close_listener: false,
            reports_end: false,
            intake: Intake::Flowing,
            end_was_delivered: false,
            has_returned: false,
            finish: FinishRequest::None,
            relay: RelayState::Off,
        }
    }

    /// A socket that a server accepted. It is open, and does not emit `open` (R-srv-connect).
    pub fn accepted(ledger: Ledger, allow_half_open: Option<bool>) -> Self {
        Self { state: ReadyState::Open, link: Link::Up, has_opened: true, ..Self::connecting(ledger, allow_half_open) }
    }

    // --- getters ---

    /// `readyState`.
    pub fn state(&self) -> ReadyState {
        self.state
    }

    /// Whether the connection attempt is under way and was not abandoned.
    pub fn is_connecting(&self) -> bool {
        self.link == Link::Connecting
    }

    /// Whether received bytes are to be read and delivered. After a loss they are delivered even if the stream has reached its high-water
    /// mark, because the loss must not wait until the stream is read. The size of the system's buffer limits how many bytes these are.
    pub fn wants_data(&self) -> bool {
        let flows = match self.intake {
            Intake::Flowing | Intake::Direct => true,
            Intake::Held => self.is_faulty(),
            Intake::Dropped => false,
        };
        (self.is_relayed() || (self.has_data_listener && flows)) && self.may_deliver()
    }

    /// Whether the stream reads received bytes into memory of its own.
    pub fn reads_directly(&self) -> bool {
        self.intake == Intake::Direct && !self.is_relayed()
    }

    /// Whether received bytes are to be read and dropped. They are dropped after close(), because unread bytes would make the system send a
    /// reset to the peer (R-tcp-close). They are also dropped if the stream was cancelled.
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

    /// Whether FIN is to follow our last byte, and can be sent on this connection.
    pub fn wants_fin(&self) -> bool {
        self.outgoing == DirectionState::Ending && self.can_write()
    }

    /// Whether the socket is closing and has not sent FIN yet. closeTimeout limits how long that may take (R-tcp-close).
    pub fn is_flushing(&self) -> bool {
        self.state == ReadyState::Closing && self.wants_fin()
    }

    /// Whether the socket is closing, has sent FIN, and waits for the peer's FIN. The linger time of R-tcp-close limits how long it waits.
    pub fn lingers(&self) -> bool {
        self.drops_after_close() && self.outgoing == DirectionState::Ended
    }

    /// Whether the connection is up and the peer's FIN has not arrived.
    pub fn peer_may_send(&self) -> bool {
        self.link == Link::Up && self.incoming == DirectionState::Flowing
    }

    /// Whether the error of a failure or a loss was emitted.
    pub fn has_emitted_error(&self) -> bool {
        self.has_emitted_error
    }

    /// Whether a failure or a loss is known and not emitted yet.
    pub fn is_faulty(&self) -> bool {
        self.fault.is_some()
    }

    /// Whether suspend() is in force. It has no effect on a relayed socket.
    pub fn is_suspended(&self) -> bool {
        self.suspended && !self.is_relayed()
    }

    /// Whether `next` has handled the peer's FIN: it was reported to the listeners, or a relay passes it on.
    pub fn has_ended(&self) -> bool {
        self.incoming == DirectionState::Ended
    }

    /// Whether the socket does not need its connection any more.
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

    /// Whether the socket's state allows the delivery of received bytes.
    fn may_deliver(&self) -> bool {
        self.link == Link::Up
            && self.has_opened
            && !self.is_suspended()
            && (self.incoming == DirectionState::Flowing || self.has_returned)
            && matches!(self.state, ReadyState::Open | ReadyState::HalfClosed)
    }

    // --- reports from below ---

    /// The connection is established. It does not count after the attempt has failed: a time limit may pass while the last bytes of a
    /// handshake are on their way to this thread.
    pub fn connected(&mut self) {
        if self.link == Link::Connecting && self.fault.is_none() {
            self.link = Link::Connected;
        }
    }

    /// The connection attempt failed, or the established connection is lost. Only the first report counts.
    pub fn lost(&mut self, error: E) {
        if self.state != ReadyState::Closed && self.fault.is_none() {
            self.fault = Some(Box::new(error));
        }
    }

    /// The peer's FIN has arrived, and all bytes before FIN were read; or the linger time is over.
    pub fn peer_ended(&mut self) {
        if self.incoming == DirectionState::Flowing {
            self.incoming = DirectionState::Ending;
        }
    }

    /// relay(): the connection of the other socket is lost, so this one was reset. readyState changes with [`Event::Close`] (R-task).
    pub fn other_lost(&mut self) {
        if self.state != ReadyState::Closed {
            self.link = Link::Gone;
            self.reset_due = true;
        }
    }

    /// FIN was sent after our last byte.
    pub fn fin_sent(&mut self) {
        if self.outgoing == DirectionState::Ending {
            self.outgoing = DirectionState::Ended;
            if self.finish == FinishRequest::Waiting {
                self.finish = FinishRequest::Due;
            }
        }
    }

    // --- calls from above ---

    /// send() of `bytes` bytes (R-tcp-send, R-tcp-full). `error` makes the error. It is called only if the buffer is full.
    pub fn send(&mut self, bytes: u64, error: impl FnOnce(&Ledger) -> E) -> Sent {
        if self.state != ReadyState::Open || self.is_relayed() {
            return Sent::NotOpen;
        }
        if self.fault.is_some() {
            return Sent::Ignored;
        }
        if self.ledger.overflows(bytes) {
            self.fault = Some(Box::new(error(&self.ledger)));
            self.state = ReadyState::Closed;
            self.link = Link::Gone;
            return Sent::Full;
        }
        Sent::Accepted(self.ledger.accept(bytes))
    }

    /// send() of a Blob of `bytes` bytes. The bytes themselves come later. A Blob never makes the buffer full (R-tcp-full).
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

    /// close() (R-tcp-close). Before `open` was emitted it abandons the attempt, and `abandoned` makes the error (R-tcp-close-connecting).
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
            self.fault = Some(Box::new(abandoned()));
        }
    }

    /// reset() (R-reset). The socket is closed at once, and `close` follows. Before `open` was emitted it does what close() does.
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

    /// The socket's signal was aborted (R-abort). The socket is closed at once, and an error event follows. After that comes `close`, if
    /// the socket had opened.
    pub fn abort(&mut self, aborted: impl FnOnce() -> E) {
        if self.state == ReadyState::Closed || (self.state == ReadyState::Closing && !self.has_opened) {
            return;
        }
        self.state = ReadyState::Closed;
        self.link = Link::Gone;
        self.fault = Some(Box::new(aborted()));
    }

    /// Requests [`Event::Finish`], which is emitted once. If FIN was sent already, the event is due now.
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

    /// relay(): the other socket's peer has ended. So FIN is to follow our last byte. readyState does not change.
    pub fn forward_end(&mut self) {
        if self.outgoing == DirectionState::Flowing {
            self.outgoing = DirectionState::Ending;
        }
    }

    /// relay(): the other socket has passed our peer's FIN on to its own peer.
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

    /// Sets which listeners there are now (R-listen, R-tcp-fin): `data` for received bytes, `half_close` for `halfclose`.
    pub fn set_listeners(&mut self, data: bool, half_close: bool) {
        self.has_data_listener = data;
        self.has_half_close_listener = half_close;
    }

    /// Requests [`Event::Ended`]: from now on it is emitted if the peer's end begins the closing (R-once).
    pub fn request_end(&mut self) {
        self.reports_end = true;
    }

    /// Sets what the stream does with received bytes from now on (R-streams).
    pub fn set_intake(&mut self, intake: Intake) {
        self.intake = intake;
    }

    /// Sets whether bytes that the program has given back wait to be delivered again (R-reader).
    pub fn set_returned(&mut self, has_returned: bool) {
        self.has_returned = has_returned;
    }

    /// The peer's end was reported while `reader` was taken. It is to be reported again, behind the bytes that the program has given back
    /// (R-reader). `was_delivered`: a `halfclose` listener has already received the end. Then the second report is [`Event::Ended`], not
    /// [`Event::HalfClose`].
    pub fn report_end_again(&mut self, was_delivered: bool) {
        if self.incoming == DirectionState::Ended && self.state == ReadyState::Open {
            self.incoming = DirectionState::Ending;
            self.end_was_delivered = was_delivered;
            self.closes_after_half_close &= was_delivered;
        }
    }

    // --- outputs ---

    /// Returns the next event that is due, and changes readyState as this event says. None: no event is due.
    ///
    /// `unread`: true while the system holds bytes that arrived before a loss. The loss waits for these bytes while there is a listener for
    /// them or suspend() is in force.
    pub fn next(&mut self, unread: bool) -> Option<Event<E>> {
        if self.link == Link::Connected {
            self.link = Link::Up;
            self.has_opened = true;
            if self.state == ReadyState::Connecting {
                self.state = ReadyState::Open;
            }
            return Some(Event::Open);
        }
        if std::mem::take(&mut self.reset_due) && self.state != ReadyState::Closed {
            self.fault = None;
            self.state = ReadyState::Closed;
            return Some(Event::Close);
        }
        if let Some(error) = self.take_fault(unread) {
            self.close_due = self.has_opened;
            self.state = ReadyState::Closed;
            self.link = Link::Gone;
            self.has_emitted_error = true;
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
        let end_is_due = !self.has_returned && !self.is_suspended() || self.state == ReadyState::Closing;
        if self.incoming == DirectionState::Ending && end_is_due {
            self.incoming = DirectionState::Ended;
            let was_delivered = std::mem::take(&mut self.end_was_delivered);
            if self.state == ReadyState::Open && !self.is_relayed() {
                if was_delivered {
                    return Some(Event::Ended);
                }
                if self.decide_half_close() {
                    return Some(Event::HalfClose);
                }
                if self.reports_end {
                    return Some(Event::Ended);
                }
            }
        }
        // An open relayed socket is not closed before the other socket has passed on our peer's FIN.
        let is_forwarding = self.relay == RelayState::Forwarding && self.state == ReadyState::Open;
        if self.incoming == DirectionState::Ended && self.outgoing == DirectionState::Ended && !is_forwarding {
            self.state = ReadyState::Closed;
            self.link = Link::Gone;
            return Some(Event::Close);
        }
        None
    }

    /// The peer has ended. Returns true if [`Event::HalfClose`] is to be emitted. If not, the closing begins (R-tcp-fin).
    fn decide_half_close(&mut self) -> bool {
        let stays_open = self.allow_half_open.unwrap_or(self.has_half_close_listener);
        if stays_open || self.has_half_close_listener {
            self.closes_after_half_close = !stays_open;
            return true;
        }
        self.begin_closing();
        false
    }

    /// Sets the state to "closing". FIN is to follow our last byte.
    fn begin_closing(&mut self) {
        self.state = ReadyState::Closing;
        self.outgoing = DirectionState::Ending;
    }

    /// Takes the loss if it is to be emitted now. The loss overtakes `unread` bytes, unless there is a listener for them or suspend() is in
    /// force (R-tcp-lost, R-tcp-suspend).
    fn take_fault(&mut self, unread: bool) -> Option<E> {
        let waits = unread
            && self.has_opened
            && matches!(self.state, ReadyState::Open | ReadyState::HalfClosed)
            && (self.suspended || self.has_data_listener)
            && !self.is_relayed();
        if waits { None } else { self.fault.take().map(|fault| *fault) }
    }
}
