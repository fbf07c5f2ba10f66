use super::{Ledger, ReadyState};

/// What a TCP socket tells its listeners, in the order that they are to hear it. `E` is the error type.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<E> {
    /// The connection is established.
    Open,
    /// The peer sends no more; sending goes on.
    HalfClose,
    /// The peer sends no more, and closing begins: reported only where somebody asked ([`Machine::report_end`]).
    Ended,
    /// bufferedAmount is back at 0 after a send() that returned false.
    Drain,
    /// The connection failed (before [`Event::Open`]) or was lost (then [`Event::Close`] follows).
    Error(E),
    /// The last byte is the system's, and FIN follows it: told once to who asked ([`Machine::tell_finish`]).
    Finish,
    /// The connection has ended.
    Close,
}

/// What became of a send().
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Taken and counted: pass the bytes on. The flag is what send() returns.
    Taken(bool),
    /// The connection is lost and that is about to be told: send() returns false and counts nothing.
    Ignored,
    /// The buffer is full: the machine has closed itself, the connection is to be reset (R-tcp-full).
    Full,
    /// readyState is not "open": InvalidStateError.
    NotOpen,
}

/// What is below the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Connecting,
    /// Established, `open` not yet told.
    Connected,
    Up,
    Gone,
}

/// One direction of the connection: the peer's, or ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Bytes may still come.
    Flowing,
    /// Peer: its FIN is here but not told. Ours: FIN follows the last byte.
    Due,
    /// Peer: told. Ours: FIN is sent.
    Done,
}

/// The readyState machine of one TCP socket, with its ledger.
///
/// The driver reports what the system says, the application calls, and [`Machine::next`] hands out one event at a
/// time. readyState changes in a call or in `next`, never in a report (R-task).
#[derive(Debug)]
pub struct Machine<E> {
    /// The bufferedAmount account.
    pub ledger: Ledger,
    state: ReadyState,
    link: Link,
    theirs: End,
    ours: End,
    /// `open` has been told, or the socket was accepted: `close` follows an error.
    opened: bool,
    /// Failed or lost, not yet told.
    fault: Option<E>,
    close_due: bool,
    /// `halfclose` was told and the socket closes behind it (`allowHalfOpen: false` with a listener).
    closes_after_half_close: bool,
    allow_half_open: Option<bool>,
    suspended: bool,
    data_listener: bool,
    half_close_listener: bool,
    /// [`Event::Ended`] is wanted.
    reports_end: bool,
    intake: Intake,
    finish: Finish,
    /// relay(): what comes in goes to another socket, and nobody is told of it (R-relay).
    relayed: bool,
    /// The peer's end has reached the other socket's peer.
    end_passed: bool,
}

/// What becomes of the bytes that a stream takes in (R-streams).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Intake {
    /// They are told.
    #[default]
    Flowing,
    /// The stream holds its high-water mark: they wait in the system, where a loss does not overtake them.
    Held,
    /// The stream was cancelled: they are read and dropped.
    Dropped,
}

/// Whether somebody is to hear that all is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    Unheard,
    Awaited,
    Due,
}

impl<E> Machine<E> {
    /// A socket whose connection attempt is under way.
    pub fn connecting(ledger: Ledger, allow_half_open: Option<bool>) -> Self {
        Self {
            ledger,
            state: ReadyState::Connecting,
            link: Link::Connecting,
            theirs: End::Flowing,
            ours: End::Flowing,
            opened: false,
            fault: None,
            close_due: false,
            closes_after_half_close: false,
            allow_half_open,
            suspended: false,
            data_listener: false,
            half_close_listener: false,
            reports_end: false,
            intake: Intake::Flowing,
            finish: Finish::Unheard,
            relayed: false,
            end_passed: false,
        }
    }

    /// A socket that a server accepted: open, and `open` does not fire (R-srv-connect).
    pub fn accepted(ledger: Ledger, allow_half_open: Option<bool>) -> Self {
        Self { state: ReadyState::Open, link: Link::Up, opened: true, ..Self::connecting(ledger, allow_half_open) }
    }

    // --- getters ---

    /// `readyState`.
    pub fn state(&self) -> ReadyState {
        self.state
    }

    /// Whether the outcome of the connection attempt is still open and wanted.
    pub fn is_connecting(&self) -> bool {
        self.link == Link::Connecting
    }

    /// Whether received bytes are to be read and told. A stream that holds its high-water mark gets those before a loss
    /// all the same: the system's buffer bounds them, and the loss is not to wait for a reader.
    pub fn wants_data(&self) -> bool {
        let flows = match self.intake {
            Intake::Flowing => true,
            Intake::Held => self.is_faulty(),
            Intake::Dropped => false,
        };
        (self.relayed || (self.data_listener && flows)) && self.may_tell_data()
    }

    /// Whether received bytes are to be read and dropped: after close(), so that the peer gets no reset (R-tcp-close),
    /// and where the stream of them was cancelled.
    pub fn drops_data(&self) -> bool {
        self.drops_after_close() || (self.intake == Intake::Dropped && !self.is_faulty() && self.may_tell_data())
    }

    fn drops_after_close(&self) -> bool {
        self.state == ReadyState::Closing && self.link == Link::Up && self.theirs == End::Flowing
    }

    /// Whether bytes can be handed to the system.
    pub fn can_write(&self) -> bool {
        self.link == Link::Up && self.fault.is_none()
    }

    /// Whether FIN is to follow the last byte.
    pub fn wants_fin(&self) -> bool {
        self.ours == End::Due && self.can_write()
    }

    /// Whether a closing socket's FIN still waits for bytes before it: closeTimeout runs (R-tcp-close).
    pub fn is_flushing(&self) -> bool {
        self.state == ReadyState::Closing && self.wants_fin()
    }

    /// Whether our FIN is sent while the peer's is not here: the linger of R-tcp-close runs while "closing".
    pub fn lingers(&self) -> bool {
        self.drops_after_close() && self.ours == End::Done
    }

    /// Whether the peer's end has not been seen yet.
    pub fn peer_may_send(&self) -> bool {
        self.link == Link::Up && self.theirs == End::Flowing
    }

    /// Whether a loss is known that has not been told.
    pub fn is_faulty(&self) -> bool {
        self.fault.is_some()
    }

    /// Whether `open` has been told, or the socket was accepted: then `close` follows an error.
    pub fn has_opened(&self) -> bool {
        self.opened
    }

    /// Whether suspend() is in force.
    pub fn is_suspended(&self) -> bool {
        self.suspended && !self.relayed
    }

    /// Whether the peer's end has been told, or passed on.
    pub fn has_ended(&self) -> bool {
        self.theirs == End::Done
    }

    /// Whether nothing below the socket is needed any more.
    pub fn is_link_gone(&self) -> bool {
        self.link == Link::Gone
    }

    /// Closed, with nothing left to tell.
    pub fn is_over(&self) -> bool {
        self.state == ReadyState::Closed && self.fault.is_none() && !self.close_due
    }

    fn may_tell_data(&self) -> bool {
        self.link == Link::Up
            && self.opened
            && !self.is_suspended()
            && self.theirs == End::Flowing
            && matches!(self.state, ReadyState::Open | ReadyState::HalfClosed)
    }

    // --- reports from below ---

    /// The connection is established.
    pub fn connected(&mut self) {
        if self.link == Link::Connecting {
            self.link = Link::Connected;
        }
    }

    /// The connection attempt failed, or an established connection is lost. The first one counts.
    pub fn lost(&mut self, error: E) {
        if self.state != ReadyState::Closed && self.fault.is_none() {
            self.fault = Some(error);
        }
    }

    /// The peer's FIN, with no unread byte before it; or the end of the linger.
    pub fn peer_ended(&mut self) {
        if self.theirs == End::Flowing {
            self.theirs = End::Due;
        }
    }

    /// Our FIN is on its way behind the last byte.
    pub fn fin_sent(&mut self) {
        if self.ours == End::Due {
            self.ours = End::Done;
            if self.finish == Finish::Awaited {
                self.finish = Finish::Due;
            }
        }
    }

    // --- calls from above ---

    /// send() of `bytes` (R-tcp-send, R-tcp-full). `error` is made only where the buffer is full.
    pub fn send(&mut self, bytes: u64, error: impl FnOnce(&Ledger) -> E) -> Sent {
        if self.state != ReadyState::Open || self.relayed {
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
        Sent::Taken(self.ledger.accept(bytes))
    }

    /// send() of a Blob: its bytes follow later, and never make the buffer full.
    pub fn send_blob(&mut self, bytes: u64) -> Sent {
        match self.state {
            _ if self.relayed => Sent::NotOpen,
            ReadyState::Open if self.fault.is_some() => Sent::Ignored,
            ReadyState::Open => Sent::Taken(self.ledger.accept_blob(bytes)),
            _ => Sent::NotOpen,
        }
    }

    /// halfclose() (R-tcp-halfclose).
    pub fn half_close(&mut self) {
        if matches!(self.state, ReadyState::Connecting | ReadyState::Open) && !self.relayed {
            self.state = ReadyState::HalfClosed;
            self.ours = End::Due;
        }
    }

    /// close() (R-tcp-close). While connecting the attempt is abandoned and `abandoned` is told (R-tcp-close-connecting).
    pub fn close(&mut self, abandoned: impl FnOnce() -> E) {
        if matches!(self.state, ReadyState::Closing | ReadyState::Closed) {
            return;
        }
        self.state = ReadyState::Closing;
        if self.opened {
            if self.ours == End::Flowing {
                self.ours = End::Due;
            }
        } else {
            self.link = Link::Gone;
            self.fault = Some(abandoned());
        }
    }

    /// reset() (R-reset): closed at once, `close` follows; while connecting the same as close().
    pub fn reset(&mut self, abandoned: impl FnOnce() -> E) {
        if self.state == ReadyState::Closed {
            return;
        }
        if !self.opened {
            return self.close(abandoned);
        }
        self.state = ReadyState::Closed;
        self.link = Link::Gone;
        self.fault = None;
        self.close_due = true;
    }

    /// A signal was aborted (R-abort): closed at once, `error` follows, and `close` where it was past "connecting".
    pub fn abort(&mut self, aborted: impl FnOnce() -> E) {
        if self.state == ReadyState::Closed || (self.state == ReadyState::Closing && !self.opened) {
            return;
        }
        self.state = ReadyState::Closed;
        self.link = Link::Gone;
        self.fault = Some(aborted());
    }

    /// Has [`Event::Finish`] told, once: now, where FIN is sent already.
    pub fn tell_finish(&mut self) {
        self.finish = if self.ours == End::Done { Finish::Due } else { Finish::Awaited };
    }

    /// relay(): from now on no `message`, `drain` or `halfclose` (R-relay).
    pub fn relay(&mut self) {
        self.relayed = true;
        self.suspended = false;
        self.ledger.drained();
    }

    /// relay(): the other socket's peer has ended. FIN follows the last byte; readyState stays.
    pub fn pass_end(&mut self) {
        if self.ours == End::Flowing {
            self.ours = End::Due;
        }
    }

    /// relay(): FIN has gone out to the other socket's peer.
    pub fn end_passed(&mut self) {
        self.end_passed = true;
    }

    /// suspend() (R-tcp-suspend).
    pub fn suspend(&mut self) {
        self.suspended = true;
    }

    /// resume().
    pub fn resume(&mut self) {
        self.suspended = false;
    }

    /// Which listeners there are now (R-listen, R-tcp-fin).
    pub fn listen(&mut self, data: bool, half_close: bool) {
        self.data_listener = data;
        self.half_close_listener = half_close;
    }

    /// Has [`Event::Ended`] reported from now on (R-once).
    pub fn report_end(&mut self) {
        self.reports_end = true;
    }

    /// What the stream that takes the bytes does with them (R-streams).
    pub fn take_in(&mut self, intake: Intake) {
        self.intake = intake;
    }

    // --- outputs ---

    /// The next event that is due, with the change of readyState that it tells of.
    ///
    /// `unread`: the system still has bytes that came before a loss. While somebody is to get them the loss waits.
    pub fn next(&mut self, unread: bool) -> Option<Event<E>> {
        if self.link == Link::Connected {
            self.link = Link::Up;
            self.opened = true;
            if self.state == ReadyState::Connecting {
                self.state = ReadyState::Open;
            }
            return Some(Event::Open);
        }
        if let Some(error) = self.take_fault(unread) {
            self.close_due = self.opened;
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
            if !self.relayed {
                return Some(Event::Drain);
            }
        }
        if self.finish == Finish::Due {
            self.finish = Finish::Unheard;
            return Some(Event::Finish);
        }
        if std::mem::take(&mut self.closes_after_half_close) && self.state == ReadyState::Open {
            self.end_ours();
        }
        if self.theirs == End::Due && (!self.is_suspended() || self.state == ReadyState::Closing) {
            self.theirs = End::Done;
            if self.state == ReadyState::Open && !self.relayed {
                if self.tells_half_close() {
                    return Some(Event::HalfClose);
                }
                if self.reports_end {
                    return Some(Event::Ended);
                }
            }
        }
        let is_passing = self.relayed && !self.end_passed && self.state == ReadyState::Open;
        if self.theirs == End::Done && self.ours == End::Done && !is_passing {
            self.state = ReadyState::Closed;
            self.link = Link::Gone;
            return Some(Event::Close);
        }
        None
    }

    /// R-tcp-fin: whether `halfclose` fires; if not, closing begins.
    fn tells_half_close(&mut self) -> bool {
        let stays_open = self.allow_half_open.unwrap_or(self.half_close_listener);
        if stays_open || self.half_close_listener {
            self.closes_after_half_close = !stays_open;
            return true;
        }
        self.end_ours();
        false
    }

    fn end_ours(&mut self) {
        self.state = ReadyState::Closing;
        self.ours = End::Due;
    }

    /// A loss overtakes unread bytes, but not those that a listener, or resume(), is to get (R-tcp-lost, R-tcp-suspend).
    fn take_fault(&mut self, unread: bool) -> Option<E> {
        let held = unread
            && self.opened
            && matches!(self.state, ReadyState::Open | ReadyState::HalfClosed)
            && (self.suspended || self.data_listener)
            && !self.relayed;
        if held { None } else { self.fault.take() }
    }
}
