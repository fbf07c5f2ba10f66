//! What must hold for a readyState machine after each operation. The random tests and the fuzz targets use it
//! ([`machine_operations`](super::machine_operations)).

use std::collections::VecDeque;

use super::{Event, Intake, Machine, ReadyState, Sent};

/// A machine whose errors are texts.
pub type Tcp = Machine<&'static str>;

/// The high-water mark of machines under test, in bytes.
pub const HIGH_WATER_MARK: u32 = 100;
/// maxBufferedAmount of machines under test, in bytes.
pub const LIMIT: u32 = 1000;

/// Drives one machine. After each operation it checks that nothing has happened that must never happen.
pub struct Watch {
    /// The machine under test.
    pub machine: Tcp,
    /// The seed of the random operations, for failure messages; 0 where a fuzzer has chosen them.
    pub seed: u64,
    /// All events so far, in order.
    pub events: Vec<Event<&'static str>>,
    /// True once `open` was emitted; for an accepted machine, from the start.
    pub opened: bool,
    /// True between a send() that returned false and the next `drain`.
    pub refused: bool,
    /// Bytes that send() has accepted.
    pub accepted: u64,
    /// Bytes that were written.
    pub written: u64,
    /// Sends that wait to be written, in order: how many bytes are left, and whether the bytes are from a Blob.
    pub queue: VecDeque<(u64, bool)>,
    /// The state at the last check.
    pub was: ReadyState,
    /// True once halfclose() was called.
    pub half_close_called: bool,
    /// True once reset() was called.
    pub was_reset: bool,
    /// True once abort() was called before "closed".
    pub was_aborted: bool,
    /// The last intake that was set.
    pub intake: Intake,
    /// True between a request for `Finish` and the event.
    pub finish_requested: bool,
    /// True once `Ended` was requested.
    pub end_requested: bool,
    /// True once the peer's end was reported a second time, after a `halfclose`.
    pub end_reported_again: bool,
    /// True once relay() was called.
    pub relayed: bool,
}

impl Watch {
    pub fn new(machine: Tcp, seed: u64) -> Self {
        let opened = machine.state() == ReadyState::Open;
        let was = machine.state();
        Self {
            machine,
            seed,
            events: Vec::new(),
            opened,
            refused: false,
            accepted: 0,
            written: 0,
            queue: VecDeque::new(),
            was,
            half_close_called: false,
            was_reset: false,
            was_aborted: false,
            intake: Intake::Flowing,
            finish_requested: false,
            end_requested: false,
            end_reported_again: false,
            relayed: false,
        }
    }

    pub fn count(&self, wanted: impl Fn(&Event<&'static str>) -> bool) -> usize {
        self.events.iter().filter(|event| wanted(event)).count()
    }

    pub fn has_emitted(&self, event: &Event<&'static str>) -> bool {
        self.events.contains(event)
    }

    /// Checks what must hold after every operation.
    pub fn check(&mut self) {
        let Self { machine, seed, .. } = self;
        let (seed, state) = (*seed, machine.state());
        assert!(is_allowed(self.was, state), "seed {seed}: {:?} -> {state:?}", self.was);
        self.was = state;
        let receives = matches!(state, ReadyState::Open | ReadyState::HalfClosed);
        if machine.is_suspended() || !receives || !self.opened {
            assert!(!machine.wants_data(), "seed {seed}: data wanted while {state:?}");
        }
        let dropped = state == ReadyState::Closing || self.intake == Intake::Dropped;
        assert!(!machine.drops_data() || dropped, "seed {seed}");
        assert!(!(machine.drops_data() && machine.wants_data()), "seed {seed}");
        assert!(!machine.lingers() || state == ReadyState::Closing, "seed {seed}");
        assert!(!machine.is_flushing() || (state == ReadyState::Closing && machine.can_write()), "seed {seed}");
        assert!(!(machine.is_flushing() && machine.lingers()), "seed {seed}");
        let may_send_fin = !matches!(state, ReadyState::Connecting | ReadyState::Open) || self.relayed;
        assert!(!machine.wants_fin() || may_send_fin, "seed {seed}");
        if machine.is_over() {
            assert_eq!(state, ReadyState::Closed, "seed {seed}");
            assert!(!machine.can_write() && !machine.wants_fin() && machine.is_link_gone(), "seed {seed}");
        }
        assert!(self.written <= self.accepted, "seed {seed}");
        assert_eq!(machine.ledger.unwritten(), self.accepted - self.written, "seed {seed}");
        assert!(machine.ledger.buffered() >= machine.ledger.unwritten(), "seed {seed}");
    }

    /// Whether relay() would take this socket (R-relay).
    pub fn may_be_relayed(&self) -> bool {
        self.machine.state() == ReadyState::Open && self.intake == Intake::Flowing
    }

    /// Calls halfclose(), which does nothing on a relayed socket.
    pub fn half_close(&mut self) {
        self.half_close_called |= !self.relayed;
        self.call(Tcp::half_close);
    }

    /// Runs a call from above, which may change readyState.
    pub fn call(&mut self, call: impl FnOnce(&mut Tcp)) {
        call(&mut self.machine);
        self.check();
    }

    /// Runs a report from below, which must not change readyState (R-task).
    pub fn report(&mut self, report: impl FnOnce(&mut Tcp)) {
        let before = self.machine.state();
        report(&mut self.machine);
        assert_eq!(self.machine.state(), before, "seed {}: a report changed the state", self.seed);
        self.check();
    }

    pub fn send(&mut self, bytes: u64, blob: bool) {
        let (state, buffered) = (self.machine.state(), self.machine.ledger.buffered());
        let faulty = self.machine.is_faulty();
        let sent = if blob { self.machine.send_blob(bytes) } else { self.machine.send(bytes, |_| "full") };
        match sent {
            Sent::Accepted(go_on) => {
                self.accepted += bytes;
                self.queue.push_back((bytes, blob));
                self.refused |= !go_on;
                let above = bytes > 0 && buffered + bytes > u64::from(HIGH_WATER_MARK);
                assert_eq!(go_on, !above, "seed {}", self.seed);
            }
            Sent::Ignored => assert!(faulty, "seed {}", self.seed),
            Sent::Full => {
                assert!(bytes > 0 && buffered > 0 && !blob, "seed {}", self.seed);
                assert_eq!(self.machine.state(), ReadyState::Closed, "seed {}", self.seed);
            }
            Sent::NotOpen => {}
        }
        assert_eq!(sent == Sent::NotOpen, state != ReadyState::Open || self.relayed, "seed {}", self.seed);
        self.check();
    }

    pub fn write(&mut self, bytes: u64) -> u64 {
        if !self.machine.can_write() {
            return 0;
        }
        let (mut written, mut from_blobs) = (0, 0);
        while let Some((left, blob)) = self.queue.front_mut() {
            let count = (*left).min(bytes - written);
            *left -= count;
            written += count;
            from_blobs += if *blob { count } else { 0 };
            if *left > 0 {
                break;
            }
            self.queue.pop_front();
        }
        self.written += written;
        self.report(|machine| machine.ledger.wrote(written, from_blobs));
        written
    }

    /// Asks for the next event and checks it. `unread`: whether the system holds bytes that arrived before a loss. Returns whether there
    /// was an event.
    pub fn next(&mut self, unread: bool) -> bool {
        let was_over = self.machine.is_over();
        let Some(event) = self.machine.next(unread) else {
            self.check();
            return false;
        };
        let (seed, state) = (self.seed, self.machine.state());
        assert!(!was_over, "seed {seed}: {event:?} after the end");
        match &event {
            Event::Open => {
                assert!(!self.opened, "seed {seed}");
                assert!(matches!(state, ReadyState::Open | ReadyState::HalfClosed), "seed {seed}");
                assert_eq!(state == ReadyState::HalfClosed, self.half_close_called, "seed {seed}");
                self.opened = true;
            }
            Event::Ended if self.end_reported_again => {
                assert!(self.opened && self.has_emitted(&Event::HalfClose) && !self.relayed, "seed {seed}");
            }
            Event::Ended => {
                assert!(!self.relayed, "seed {seed}");
                assert!(self.opened && state == ReadyState::Closing && self.end_requested, "seed {seed}");
                assert!(!self.machine.is_suspended() && !self.half_close_called, "seed {seed}");
                assert!(!self.has_emitted(&Event::HalfClose), "seed {seed}");
            }
            Event::HalfClose => {
                assert!(!self.relayed, "seed {seed}");
                assert!(self.opened && state == ReadyState::Open && !self.machine.is_suspended(), "seed {seed}");
            }
            Event::Drain => {
                assert!(!self.relayed, "seed {seed}");
                assert!(self.refused, "seed {seed}: drain without a false");
                assert_eq!(self.machine.ledger.buffered(), 0, "seed {seed}: drain while bytes are buffered");
                assert_ne!(state, ReadyState::Closed, "seed {seed}");
                self.refused = false;
            }
            Event::Finish => {
                assert!(self.finish_requested, "seed {seed}: finish without a request");
                assert_eq!((self.written, state == ReadyState::Closed), (self.accepted, false), "seed {seed}");
                self.finish_requested = false;
            }
            Event::Error(_) => assert_eq!(state, ReadyState::Closed, "seed {seed}"),
            Event::Close => {
                assert!(self.opened, "seed {seed}: close without open");
                assert_eq!(state, ReadyState::Closed, "seed {seed}");
                assert!(self.machine.is_over(), "seed {seed}: more after close");
            }
        }
        self.events.push(event);
        for (name, count) in [
            ("open", self.count(|event| *event == Event::Open)),
            ("halfclose", self.count(|event| *event == Event::HalfClose)),
            ("error", self.count(|event| matches!(event, Event::Error(_)))),
            ("close", self.count(|event| *event == Event::Close)),
        ] {
            assert!(count <= 1, "seed {seed}: {name} {count} times in {:?}", self.events);
        }
        self.check();
        true
    }

    /// Checks the order of all events.
    pub fn check_order(&self) {
        let (seed, events) = (self.seed, &self.events);
        let error = events.iter().position(|event| matches!(event, Event::Error(_)));
        let close = events.iter().position(|event| *event == Event::Close);
        if let Some(error) = error {
            let expected = if self.opened { Some(error + 1) } else { None };
            assert_eq!(close, expected, "seed {seed}: {events:?}");
        }
        if let Some(close) = close {
            assert_eq!(close, events.len() - 1, "seed {seed}: {events:?}");
        }
        if let Some(open) = events.iter().position(|event| *event == Event::Open) {
            assert_eq!(open, 0, "seed {seed}: {events:?}");
        }
    }
}

/// The draft's ReadyState: where a socket can go from each state.
fn is_allowed(from: ReadyState, to: ReadyState) -> bool {
    use ReadyState::{Closed, Closing, Connecting, HalfClosed, Open};
    match from {
        Connecting => true,
        Open => to != Connecting,
        HalfClosed => matches!(to, HalfClosed | Closing | Closed),
        Closing => matches!(to, Closing | Closed),
        Closed => to == Closed,
    }
}
