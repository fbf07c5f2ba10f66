//! Tests of the readyState machine with random operations: first one machine with any sequence of calls and reports, then two machines that
//! are connected by a wire in memory. The message of each failure has its seed.

use std::collections::VecDeque;

use super::machine_tests::{HIGH_WATER_MARK, LIMIT, Tcp};
use super::random::Random;
use super::{Event, Intake, Ledger, Machine, ReadyState, Sent};

fn machine(random: &mut Random, accepted: bool) -> Tcp {
    let ledger = Ledger::new(HIGH_WATER_MARK, LIMIT);
    let allow_half_open = [None, Some(true), Some(false)][random.below(3) as usize];
    if accepted { Machine::accepted(ledger, allow_half_open) } else { Machine::connecting(ledger, allow_half_open) }
}

/// Drives one machine. After each operation it checks that nothing has happened that must never happen.
struct Watch {
    /// The machine under test.
    machine: Tcp,
    /// The seed of the random operations, for failure messages.
    seed: u64,
    /// All events so far, in order.
    events: Vec<Event<&'static str>>,
    /// True once `open` was emitted; for an accepted machine, from the start.
    opened: bool,
    /// True between a send() that returned false and the next `drain`.
    refused: bool,
    /// Bytes that send() has accepted.
    accepted: u64,
    /// Bytes that were written.
    written: u64,
    /// Sends that wait to be written, in order: how many bytes are left, and whether the bytes are from a Blob.
    queue: VecDeque<(u64, bool)>,
    /// The state at the last check.
    was: ReadyState,
    /// True once halfclose() was called.
    half_close_called: bool,
    /// True once reset() was called.
    was_reset: bool,
    /// True once abort() was called before "closed".
    was_aborted: bool,
    /// The last intake that was set.
    intake: Intake,
    /// True between a request for `Finish` and the event.
    finish_requested: bool,
    /// True once `Ended` was requested.
    end_requested: bool,
}

impl Watch {
    fn new(machine: Tcp, seed: u64) -> Self {
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
        }
    }

    fn count(&self, wanted: impl Fn(&Event<&'static str>) -> bool) -> usize {
        self.events.iter().filter(|event| wanted(event)).count()
    }

    fn has_emitted(&self, event: &Event<&'static str>) -> bool {
        self.events.contains(event)
    }

    /// Checks what must hold after every operation.
    fn check(&mut self) {
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
        assert!(!(machine.wants_fin() && matches!(state, ReadyState::Connecting | ReadyState::Open)), "seed {seed}");
        if machine.is_over() {
            assert_eq!(state, ReadyState::Closed, "seed {seed}");
            assert!(!machine.can_write() && !machine.wants_fin() && machine.is_link_gone(), "seed {seed}");
        }
        assert!(self.written <= self.accepted, "seed {seed}");
        assert_eq!(machine.ledger.unwritten(), self.accepted - self.written, "seed {seed}");
        assert!(machine.ledger.buffered() >= machine.ledger.unwritten(), "seed {seed}");
    }

    /// Runs a call from above, which may change readyState.
    fn call(&mut self, call: impl FnOnce(&mut Tcp)) {
        call(&mut self.machine);
        self.check();
    }

    /// Runs a report from below, which must not change readyState (R-task).
    fn report(&mut self, report: impl FnOnce(&mut Tcp)) {
        let before = self.machine.state();
        report(&mut self.machine);
        assert_eq!(self.machine.state(), before, "seed {}: a report changed the state", self.seed);
        self.check();
    }

    fn send(&mut self, bytes: u64, blob: bool) {
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
        assert_eq!(sent == Sent::NotOpen, state != ReadyState::Open, "seed {}", self.seed);
        self.check();
    }

    fn write(&mut self, bytes: u64) -> u64 {
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
    fn next(&mut self, unread: bool) -> bool {
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
            Event::Ended => {
                assert!(self.opened && state == ReadyState::Closing && self.end_requested, "seed {seed}");
                assert!(!self.machine.is_suspended() && !self.half_close_called, "seed {seed}");
                assert!(!self.has_emitted(&Event::HalfClose), "seed {seed}");
            }
            Event::HalfClose => {
                assert!(self.opened && state == ReadyState::Open && !self.machine.is_suspended(), "seed {seed}");
            }
            Event::Drain => {
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
    fn check_order(&self) {
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

/// After any sequence of calls and reports: "closed" is final; `open`, `error` and `close` are emitted at most once, in this order; `drain`
/// is emitted only after a send() that returned false, when bufferedAmount is 0; no data is wanted while suspended or after close().
#[test]
fn random_operations_break_no_invariant() {
    for seed in 1..=8000 {
        let mut random = Random::new(seed);
        let accepted = random.chance(40);
        let mut watch = Watch::new(machine(&mut random, accepted), seed);
        for _ in 0..random.below(80) + 5 {
            match random.below(100) {
                0..=7 => watch.report(Tcp::connected),
                8..=9 => watch.report(|machine| machine.lost("lost")),
                10..=13 => watch.report(Tcp::peer_ended),
                14..=19 if watch.machine.wants_fin() && watch.machine.ledger.buffered() == 0 => {
                    watch.report(Tcp::fin_sent)
                }
                20..=39 => watch.send(random.below(200), false),
                40..=44 => watch.send(random.below(2000), true),
                45..=46 => {
                    watch.half_close_called = true;
                    watch.call(Tcp::half_close);
                }
                47 => watch.call(|machine| machine.close(|| "abandoned")),
                48 if random.chance(30) => {
                    watch.was_reset = true;
                    watch.call(|machine| machine.reset(|| "abandoned"));
                }
                49..=53 => watch.call(Tcp::suspend),
                54..=60 => watch.call(Tcp::resume),
                61..=65 => {
                    let (data, half_close) = (random.chance(70), random.chance(50));
                    watch.call(|machine| machine.set_listeners(data, half_close));
                    if random.chance(50) {
                        watch.end_requested = true;
                        watch.call(Tcp::request_end);
                    }
                }
                66 => {
                    watch.intake =
                        [Intake::Flowing, Intake::Direct, Intake::Held, Intake::Dropped][random.below(4) as usize];
                    let intake = watch.intake;
                    watch.call(|machine| machine.set_intake(intake));
                }
                67 => {
                    watch.half_close_called = true;
                    watch.finish_requested = watch.machine.state() != ReadyState::Closed;
                    watch.call(Tcp::half_close);
                    watch.call(Tcp::request_finish);
                }
                68 if random.chance(20) => {
                    watch.was_aborted |= watch.machine.state() != ReadyState::Closed;
                    watch.call(|machine| machine.abort(|| "aborted"));
                }
                69..=76 => {
                    watch.write(random.below(300));
                }
                77..=82 => watch.report(|machine| machine.ledger.settle()),
                83 if watch.opened && random.chance(20) => {
                    watch.was_reset = true;
                    watch.report(Tcp::other_lost);
                }
                _ => {
                    // Once the peer's end was reported, there are no unread bytes.
                    let unread = watch.machine.peer_may_send() && random.chance(30);
                    watch.next(unread);
                }
            }
        }
        end_and_check(&mut watch);
    }
}

/// Closes the machine, flushes it and reports the peer's end. Then the machine must end. If it was closed before, it emits the rest of its
/// events.
fn end_and_check(watch: &mut Watch) {
    watch.call(|machine| machine.close(|| "abandoned"));
    watch.write(u64::MAX);
    watch.report(|machine| machine.ledger.settle());
    if watch.machine.wants_fin() {
        assert!(watch.machine.is_flushing(), "seed {}: no limit for the flush", watch.seed);
        watch.report(Tcp::fin_sent);
        assert!(!watch.machine.is_flushing(), "seed {}", watch.seed);
    }
    watch.report(Tcp::peer_ended);
    for _ in 0..4 {
        watch.next(false);
    }
    let seed = watch.seed;
    assert!(watch.machine.is_over(), "seed {seed}: it hangs as {:?} after {:?}", watch.machine.state(), watch.events);
    watch.check_order();
    let error = watch.count(|event| matches!(event, Event::Error(_))) > 0;
    let close = watch.has_emitted(&Event::Close);
    assert_eq!(close, watch.opened, "seed {seed}: {:?}", watch.events);
    assert!(error || close, "seed {seed}: {:?}", watch.events);
    if !error && !watch.was_reset {
        assert_eq!(watch.written, watch.accepted, "seed {seed}: not all was flushed");
        assert!(!watch.refused, "seed {seed}: a drain is missing in {:?}", watch.events);
        assert!(!watch.finish_requested, "seed {seed}: finish is missing in {:?}", watch.events);
    }
    assert!(!watch.was_aborted || error, "seed {seed}: {:?}", watch.events);
}

// --- two machines over a wire ---

/// One end of a connection in memory.
struct Side {
    /// The machine of this end, with its checks.
    watch: Watch,
    /// Bytes on their way to this end.
    incoming: u64,
    /// True once the other end has sent FIN after these bytes.
    fin: bool,
    /// True once this FIN was reported to the machine.
    fin_reported: bool,
    /// Bytes delivered as messages.
    messages: u64,
    /// Bytes read and dropped after close().
    dropped: u64,
    /// Bytes written to the other end.
    wrote: u64,
}

impl Side {
    fn new(watch: Watch) -> Self {
        Self { watch, incoming: 0, fin: false, fin_reported: false, messages: 0, dropped: 0, wrote: 0 }
    }

    /// Does what a socket does when bytes or FIN are on the wire: it reads at most `most` bytes.
    fn look(&mut self, most: u64) {
        let machine = &self.watch.machine;
        let (wants, drops) = (machine.wants_data(), machine.drops_data());
        if self.incoming > 0 {
            let count = if wants || drops { self.incoming.min(most) } else { 0 };
            self.incoming -= count;
            if wants {
                self.messages += count;
            } else {
                self.dropped += count;
            }
        } else if self.fin && !self.fin_reported && machine.peer_may_send() {
            self.fin_reported = true;
            self.watch.report(Tcp::peer_ended);
        }
    }

    /// Writes at most `most` bytes to the other end, and sends FIN if it is due.
    fn flush(&mut self, other: &mut Side, most: u64) {
        let written = self.watch.write(most);
        self.wrote += written;
        other.incoming += written;
        self.watch.report(|machine| machine.ledger.settle());
        if self.watch.queue.is_empty() && self.watch.machine.wants_fin() {
            self.watch.report(Tcp::fin_sent);
            other.fin = true;
        }
    }
}

/// One random operation on one of the two ends. `calm`: only reads, writes and events, no calls.
fn step(sides: &mut [Side; 2], random: &mut Random, calm: bool) {
    let which = random.below(2) as usize;
    let (left, right) = sides.split_at_mut(1);
    let (side, other) = if which == 0 { (&mut left[0], &mut right[0]) } else { (&mut right[0], &mut left[0]) };
    match random.below(if calm { 60 } else { 100 }) {
        0..=19 => side.look(random.below(400) + 1),
        20..=39 => side.flush(other, random.below(400) + 1),
        40..=59 => {
            side.watch.next(false);
        }
        // This sender sends nothing while more than the high-water mark is buffered, so the buffer is never full.
        60..=84 if side.watch.machine.ledger.buffered() <= u64::from(HIGH_WATER_MARK) => {
            side.watch.send(random.below(150), false);
        }
        85..=89 => side.watch.call(Tcp::suspend),
        90..=94 => side.watch.call(Tcp::resume),
        95..=97 => {
            let (data, half_close) = (random.chance(80), random.chance(50));
            side.watch.call(|machine| machine.set_listeners(data, half_close));
        }
        98 if random.chance(20) => {
            side.watch.half_close_called = true;
            side.watch.call(Tcp::half_close);
        }
        99 if random.chance(10) => side.watch.call(|machine| machine.close(|| "abandoned")),
        _ => {}
    }
}

/// A client and the socket that its server accepted exchange bytes. No byte is lost or added, and both sockets end cleanly, whichever one
/// closes first.
#[test]
fn two_machines_over_a_wire_exchange_everything_and_end() {
    for seed in 1..=3000 {
        let mut random = Random::new(seed);
        let (client, accepted) = (machine(&mut random, false), machine(&mut random, true));
        let mut sides = [Side::new(Watch::new(client, seed)), Side::new(Watch::new(accepted, seed))];
        sides[0].watch.report(Tcp::connected);
        sides[0].watch.next(false);
        for _ in 0..400 {
            step(&mut sides, &mut random, false);
        }
        // Now both ends have listeners again, and both close at some time.
        for side in &mut sides {
            side.watch.call(Tcp::resume);
            side.watch.call(|machine| machine.set_listeners(true, true));
        }
        let closer = random.below(2) as usize;
        for (turn, which) in [closer, 1 - closer].into_iter().enumerate() {
            for _ in 0..random.below(200) * turn as u64 {
                step(&mut sides, &mut random, true);
            }
            sides[which].watch.call(|machine| machine.close(|| "abandoned"));
        }
        for _ in 0..10_000 {
            if sides.iter().all(|side| side.watch.machine.is_over()) {
                break;
            }
            step(&mut sides, &mut random, true);
        }
        check_exchange(&sides, seed);
    }
}

fn check_exchange(sides: &[Side; 2], seed: u64) {
    for (side, other) in [(&sides[0], &sides[1]), (&sides[1], &sides[0])] {
        let watch = &side.watch;
        assert!(watch.machine.is_over(), "seed {seed}: {:?} after {:?}", watch.machine.state(), watch.events);
        assert!(watch.has_emitted(&Event::Close), "seed {seed}: {:?}", watch.events);
        assert_eq!(watch.count(|event| matches!(event, Event::Error(_))), 0, "seed {seed}: {:?}", watch.events);
        assert!(!watch.refused, "seed {seed}: a drain is missing in {:?}", watch.events);
        assert_eq!(side.wrote, watch.accepted, "seed {seed}: not all was flushed");
        assert_eq!(watch.machine.ledger.buffered(), 0, "seed {seed}");
        assert_eq!(other.messages + other.dropped + other.incoming, side.wrote, "seed {seed}");
        assert_eq!(other.incoming, 0, "seed {seed}: unread at the end");
    }
}
