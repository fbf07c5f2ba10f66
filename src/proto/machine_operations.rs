//! Random operations on readyState machines: first on one machine, in any sequence; then on two machines that are connected by a wire in
//! memory. The choices come from a seed (the random tests) or from bytes (the fuzz targets).

use super::machine_watch::{HIGH_WATER_MARK, LIMIT, Tcp, Watch};
use super::random::Random;
use super::{Event, Intake, Ledger, Machine, ReadyState};

/// The most operations of one run.
const MOST_OPERATIONS: usize = 400;
/// After each operation the run stops in one of so many cases.
const STOPS: u64 = 45;

fn machine(random: &mut Random<'_>, accepted: bool) -> Tcp {
    let ledger = Ledger::new(HIGH_WATER_MARK, LIMIT);
    let allow_half_open = [None, Some(true), Some(false)][random.below(3) as usize];
    if accepted { Machine::accepted(ledger, allow_half_open) } else { Machine::connecting(ledger, allow_half_open) }
}

/// Any sequence of calls and reports: "closed" is final; `open`, `error` and `close` are emitted at most once, in this order; `drain`
/// is emitted only after a send() that returned false, when bufferedAmount is 0; no data is wanted while suspended or after close().
/// `seed` is for failure messages.
pub fn random_operations(random: &mut Random<'_>, seed: u64) {
    let accepted = random.chance(40);
    let mut watch = Watch::new(machine(random, accepted), seed);
    for _ in 0..MOST_OPERATIONS {
        if random.is_used_up() || random.below(STOPS) == STOPS - 1 {
            break;
        }
        match random.below(100) {
            0..=7 => watch.report(Tcp::connected),
            8..=9 => watch.report(|machine| machine.lost("lost")),
            10..=13 => watch.report(Tcp::peer_ended),
            14..=19 if watch.machine.wants_fin() && watch.machine.ledger.buffered() == 0 => watch.report(Tcp::fin_sent),
            20..=39 => watch.send(random.below(200), false),
            40..=44 => watch.send(random.below(2000), true),
            45..=46 => watch.half_close(),
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
            66 if !watch.relayed => {
                watch.intake =
                    [Intake::Flowing, Intake::Direct, Intake::Held, Intake::Dropped][random.below(4) as usize];
                let intake = watch.intake;
                watch.call(|machine| machine.set_intake(intake));
            }
            67 => {
                watch.half_close();
                watch.finish_requested = watch.machine.state() != ReadyState::Closed;
                watch.call(Tcp::request_finish);
            }
            68 if random.chance(20) => {
                watch.was_aborted |= watch.machine.state() != ReadyState::Closed;
                watch.call(|machine| machine.abort(|| "aborted"));
            }
            69..=76 => {
                watch.write(random.below(300));
            }
            77 if random.chance(30) && watch.may_be_relayed() => {
                watch.relayed = true;
                watch.call(Tcp::relay);
            }
            78 => match random.below(5) {
                0 if watch.relayed => watch.call(Tcp::forward_end),
                1 if watch.relayed => watch.call(Tcp::end_forwarded),
                2 => watch.call(|machine| machine.set_returned(true)),
                3 => watch.call(|machine| machine.set_returned(false)),
                _ => {
                    let was_delivered = watch.has_emitted(&Event::HalfClose);
                    watch.end_reported_again |= was_delivered;
                    watch.call(|machine| machine.report_end_again(was_delivered));
                }
            },
            79..=82 => watch.report(|machine| machine.ledger.settle()),
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
        assert!(!watch.refused || watch.relayed, "seed {seed}: a drain is missing in {:?}", watch.events);
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
fn step(sides: &mut [Side; 2], random: &mut Random<'_>, calm: bool) {
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
pub fn exchange(random: &mut Random<'_>, seed: u64) {
    let (client, accepted) = (machine(random, false), machine(random, true));
    let mut sides = [Side::new(Watch::new(client, seed)), Side::new(Watch::new(accepted, seed))];
    sides[0].watch.report(Tcp::connected);
    sides[0].watch.next(false);
    for _ in 0..400 {
        if random.is_used_up() {
            break;
        }
        step(&mut sides, random, false);
    }
    // Now both ends have listeners again, and both close at some time.
    for side in &mut sides {
        side.watch.call(Tcp::resume);
        side.watch.call(|machine| machine.set_listeners(true, true));
    }
    let closer = random.below(2) as usize;
    for (turn, which) in [closer, 1 - closer].into_iter().enumerate() {
        for _ in 0..random.below(200) * turn as u64 {
            step(&mut sides, random, true);
        }
        sides[which].watch.call(|machine| machine.close(|| "abandoned"));
    }
    // Both sides need choices until they are over, also where the given ones are used up.
    let mut generator = Random::new(1);
    for _ in 0..10_000 {
        if sides.iter().all(|side| side.watch.machine.is_over()) {
            break;
        }
        step(&mut sides, if random.is_used_up() { &mut generator } else { &mut *random }, true);
    }
    check_exchange(&sides, seed);
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
