//! Two ends of a TLS connection over a wire in memory, driven by choices: what the fuzz target `tls` does. One end is a [`Driver`], with the
//! same code as over a system's socket. The other end is a second driver, or rustls alone with TLS 1.2 or 1.3. Between the two, bytes wait,
//! are cut into pieces, and are altered.

mod ours;
mod theirs;

use std::collections::VecDeque;

pub use self::theirs::ServerIdentity;
use self::{ours::Ours, theirs::Theirs};
use crate::proto::random::Random;

/// The most operations of one run.
const MOST_OPERATIONS: usize = 200;
/// Rounds after which two ends without a fault must be at rest.
const MOST_ROUNDS: usize = 2000;

/// One end of the connection.
trait Party {
    /// The bytes reach this end's system.
    fn receive(&mut self, bytes: &[u8]);
    /// The peer's FIN reaches this end's system.
    fn receive_end(&mut self);
    /// A reset reaches this end's system.
    fn receive_reset(&mut self);
    /// Reads and writes what can be read and written now.
    fn work(&mut self);
    /// The bytes that this end's system has taken since the last call.
    fn take_sent(&mut self) -> Vec<u8>;
    /// Whether this end has sent FIN.
    fn has_sent_end(&self) -> bool;
    /// The program sends plain bytes.
    fn send(&mut self, bytes: &[u8]);
    /// The program ends its direction.
    fn finish(&mut self);
    /// The system takes at most so many bytes more.
    fn set_room(&mut self, room: usize);
    /// All plain bytes that the program has received.
    fn received(&self) -> &[u8];
    /// Whether the connection has failed.
    fn has_failed(&self) -> bool;
    /// Whether the peer has ended its direction, and the program has received all bytes before that.
    fn has_peer_ended(&self) -> bool;
}

/// One end, with what it has sent and what is on its way to it.
struct End {
    party: Box<dyn Party>,
    /// The plain bytes that the program has sent.
    sent: Vec<u8>,
    /// Whether the program has ended its direction.
    finished: bool,
    /// Bytes on their way to this end.
    wire: VecDeque<u8>,
    /// True: the other end's FIN follows `wire`.
    end_follows: bool,
    /// True once that FIN has reached this end.
    end_arrived: bool,
    /// True once bytes on their way to this end were altered, or were cut off.
    is_altered: bool,
}

impl End {
    fn new(party: Box<dyn Party>) -> Self {
        Self {
            party,
            sent: Vec::new(),
            finished: false,
            wire: VecDeque::new(),
            end_follows: false,
            end_arrived: false,
            is_altered: false,
        }
    }

    /// At most `most` bytes of the wire reach the system, and FIN if no byte is left.
    fn deliver(&mut self, most: usize) {
        let length = most.min(self.wire.len());
        let bytes: Vec<u8> = self.wire.drain(..length).collect();
        self.party.receive(&bytes);
        if self.wire.is_empty() && self.end_follows && !self.end_arrived {
            self.end_arrived = true;
            self.party.receive_end();
        }
    }

    fn send(&mut self, length: usize) {
        if !self.finished {
            let start = self.sent.len();
            self.sent.extend((start..start + length).map(|at| (at % 251) as u8));
            self.party.send(&self.sent[start..]);
        }
    }

    fn finish(&mut self) {
        self.finished = true;
        self.party.finish();
    }

    /// Alters the bytes on their way to this end.
    fn alter(&mut self, random: &mut Random<'_>) {
        if self.end_follows {
            return;
        }
        let length = self.wire.len();
        let at = random.below(length as u64 + 1) as usize;
        match random.below(6) {
            0 | 1 if at < length => self.wire[at] ^= 1 << random.below(8),
            2 if at < length => drop(self.wire.drain(at..length.min(at + 1 + random.below(40) as usize))),
            3 => {
                let (count, tail) = (random.below(200) as usize, self.wire.split_off(at));
                self.wire.extend(random.take(count));
                self.wire.extend(tail);
            }
            4 => {
                self.wire.truncate(at);
                self.end_follows = true;
            }
            5 => {
                self.wire.clear();
                (self.end_follows, self.end_arrived) = (true, true);
                self.party.receive_reset();
            }
            _ => return,
        }
        self.is_altered = true;
    }
}

/// Works at one end, and puts what it has sent on the wire to the other one. Returns whether anything was sent.
fn work(ends: &mut [End; 2], which: usize) -> bool {
    let end = &mut ends[which];
    end.party.work();
    let (sent, has_ended) = (end.party.take_sent(), end.party.has_sent_end());
    let other = &mut ends[1 - which];
    if other.end_follows {
        return false;
    }
    let has_sent = !sent.is_empty() || has_ended;
    other.wire.extend(sent);
    other.end_follows |= has_ended;
    has_sent
}

/// What must hold after every operation.
fn check(ends: &[End; 2]) {
    for (end, other) in [(&ends[0], &ends[1]), (&ends[1], &ends[0])] {
        assert!(other.sent.starts_with(end.party.received()), "bytes were received that were not sent");
        let is_altered = end.is_altered || other.is_altered;
        assert!(is_altered || !end.party.has_failed(), "a connection failed without a cause");
        let is_whole = end.party.received().len() == other.sent.len() && other.finished;
        assert!(!end.party.has_peer_ended() || is_whole, "the end has come before the last byte");
    }
}

/// Runs two ends of a connection as the choices say. No end may panic or spin, receive bytes that were not sent, or see the peer's end before the
/// last byte. If no byte was altered, everything arrives, and both ends end without a fault.
pub fn run(random: &mut Random<'_>, identity: &ServerIdentity) {
    let (client, server): (Box<dyn Party>, Box<dyn Party>) = match random.below(6) {
        0 | 1 => (Box::new(Ours::client(identity)), Box::new(Ours::server(identity))),
        kind @ 2..=3 => (Box::new(Ours::client(identity)), Box::new(Theirs::server(identity, kind == 2))),
        kind => (Box::new(Theirs::client(identity, kind == 4)), Box::new(Ours::server(identity))),
    };
    let mut ends = [End::new(client), End::new(server)];
    if random.chance(50) {
        settle(&mut ends);
    }
    for _ in 0..MOST_OPERATIONS {
        if random.is_used_up() {
            break;
        }
        let which = random.below(2) as usize;
        let end = &mut ends[which];
        match random.below(16) {
            0..=3 => end.deliver(1 + random.below(600) as usize),
            4 => end.deliver(usize::MAX),
            5..=8 => drop(work(&mut ends, which)),
            9 => end.send(random.below(400) as usize),
            10 => end.send(random.below(20_000) as usize),
            11 if random.chance(20) => end.finish(),
            12 => end.party.set_room(random.below(4000) as usize),
            13 => end.party.set_room(usize::MAX),
            _ if random.chance(30) => end.alter(random),
            _ => {}
        }
        check(&ends);
    }
    ends.iter_mut().for_each(|end| end.party.set_room(usize::MAX));
    settle(&mut ends);
    ends.iter_mut().for_each(End::finish);
    settle(&mut ends);
    if ends.iter().all(|end| !end.is_altered) {
        for (end, other) in [(&ends[0], &ends[1]), (&ends[1], &ends[0])] {
            assert_eq!(end.party.received().len(), other.sent.len(), "bytes are missing");
            assert!(end.party.has_peer_ended(), "the end is missing");
        }
    }
}

/// Delivers and works until nothing more happens.
fn settle(ends: &mut [End; 2]) {
    for _ in 0..MOST_ROUNDS {
        let waiting = ends.iter().any(|end| !end.wire.is_empty() || end.end_follows != end.end_arrived);
        ends.iter_mut().for_each(|end| end.deliver(usize::MAX));
        let sent = [work(ends, 0), work(ends, 1)];
        check(ends);
        if !waiting && sent == [false, false] {
            return;
        }
    }
    panic!("the two ends never come to rest");
}
