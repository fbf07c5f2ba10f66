//! The readyState machine under a socket's streams and its signal (R-streams, R-abort).

use super::{Event, Intake, Ledger, Machine, ReadyState, Sent};

type Tcp = Machine<&'static str>;

fn connecting() -> Tcp {
    Machine::connecting(Ledger::new(100, 1000), None)
}

/// Open, with both streams taken.
fn streaming() -> Tcp {
    let mut machine = Machine::accepted(Ledger::new(100, 1000), None);
    machine.listen(true, true);
    machine
}

fn told(machine: &mut Tcp) -> Vec<Event<&'static str>> {
    std::iter::from_fn(|| machine.next(false)).collect()
}

/// What a driver does at the end of a turn.
fn flush(machine: &mut Tcp) {
    if machine.can_write() {
        machine.ledger.wrote(machine.ledger.unwritten(), 0);
    }
    machine.ledger.settle();
    if machine.wants_fin() {
        machine.fin_sent();
    }
}

/// R-streams: with nobody reading the bytes wait in the system, and the end is told that has none before it.
#[test]
fn a_stream_that_holds_its_mark_takes_nothing() {
    let mut machine = streaming();
    machine.take_in(Intake::Held);
    assert!(!machine.wants_data() && !machine.drops_data());
    machine.take_in(Intake::Flowing);
    assert!(machine.wants_data());
    machine.take_in(Intake::Held);
    machine.peer_ended();
    assert_eq!(told(&mut machine), [Event::HalfClose]);
    assert_eq!(machine.state(), ReadyState::Open);
}

/// R-tcp-lost: what came before a loss is told first, whether or not the stream has room: the loss waits for no reader.
#[test]
fn a_loss_waits_for_bytes_but_for_no_reader() {
    let mut machine = streaming();
    machine.take_in(Intake::Held);
    machine.lost("reset");
    assert_eq!(machine.next(true), None);
    assert!(machine.wants_data());
    assert_eq!(machine.next(false), Some(Event::Error("reset")));
    assert_eq!(machine.next(false), Some(Event::Close));
    assert!(machine.is_over());
}

/// R-tcp-suspend holds a stream too.
#[test]
fn suspend_holds_a_stream_and_the_loss_behind_its_bytes() {
    let mut machine = streaming();
    machine.suspend();
    assert!(!machine.wants_data());
    machine.lost("reset");
    assert_eq!(machine.next(true), None);
    assert!(!machine.wants_data());
    machine.resume();
    assert!(machine.wants_data());
}

/// R-streams: a cancelled stream drops what comes, up to the peer's end; it lingers for nobody, and no loss waits for it.
#[test]
fn a_cancelled_stream_drops_what_comes() {
    let mut machine = streaming();
    machine.take_in(Intake::Dropped);
    machine.listen(false, true);
    assert!(machine.drops_data() && !machine.wants_data() && !machine.lingers());
    machine.suspend();
    assert!(!machine.drops_data());
    machine.resume();
    machine.half_close();
    flush(&mut machine);
    assert!(machine.drops_data() && !machine.lingers());
    machine.peer_ended();
    assert_eq!(told(&mut machine), [Event::Close]);

    let mut machine = streaming();
    machine.take_in(Intake::Dropped);
    machine.listen(false, true);
    machine.lost("reset");
    assert!(!machine.drops_data());
    assert_eq!(machine.next(true), Some(Event::Error("reset")));
}

/// R-streams: close() of `writable` is fulfilled when the last byte is the system's.
#[test]
fn finish_is_told_once_when_all_is_sent() {
    let mut machine = streaming();
    assert_eq!(machine.send(500, |_| "full"), Sent::Taken(false));
    machine.half_close();
    machine.tell_finish();
    assert_eq!(told(&mut machine), []);
    flush(&mut machine);
    assert_eq!(told(&mut machine), [Event::Drain, Event::Finish]);
    assert_eq!(machine.state(), ReadyState::HalfClosed);
    machine.peer_ended();
    assert_eq!(told(&mut machine), [Event::Close]);

    let mut machine = streaming();
    machine.half_close();
    flush(&mut machine);
    assert_eq!(told(&mut machine), [], "nobody asked");
    machine.tell_finish();
    assert_eq!(told(&mut machine), [Event::Finish], "FIN was sent before");
}

/// R-streams: the peer may have ended before; close() does not take the promise away.
#[test]
fn finish_comes_before_close() {
    for closes in [false, true] {
        let mut machine = streaming();
        machine.peer_ended();
        assert_eq!(told(&mut machine), [Event::HalfClose]);
        machine.half_close();
        machine.tell_finish();
        if closes {
            machine.close(|| "abandoned");
        }
        flush(&mut machine);
        assert_eq!(told(&mut machine), [Event::Finish, Event::Close]);
    }
}

/// R-abort: closed at once; `error`, then `close` where it was past "connecting"; nothing once closed.
#[test]
fn abort_is_told_as_an_error() {
    let mut machine = connecting();
    machine.abort(|| "aborted");
    assert_eq!(machine.state(), ReadyState::Closed);
    assert!(machine.is_link_gone() && !machine.is_over());
    machine.connected();
    machine.abort(|| "again");
    assert_eq!(told(&mut machine), [Event::Error("aborted")]);
    assert!(machine.is_over());

    let closing = || {
        let mut machine = streaming();
        machine.close(|| "abandoned");
        machine
    };
    let half_closed = || {
        let mut machine = streaming();
        machine.half_close();
        machine
    };
    for mut machine in [streaming(), half_closed(), closing()] {
        machine.ledger.accept(500);
        machine.lost("earlier, but not told");
        machine.abort(|| "aborted");
        assert_eq!(machine.state(), ReadyState::Closed);
        assert_eq!(machine.ledger.buffered_amount(), 500);
        assert_eq!(told(&mut machine), [Event::Error("aborted"), Event::Close]);
        machine.abort(|| "again");
        assert_eq!(told(&mut machine), []);
    }

    let mut machine = connecting();
    machine.close(|| "abandoned");
    machine.abort(|| "aborted");
    assert_eq!(told(&mut machine), [Event::Error("abandoned")], "close() was first");

    let mut machine = streaming();
    machine.reset(|| "abandoned");
    machine.abort(|| "aborted");
    assert_eq!(told(&mut machine), [Event::Close]);
}
