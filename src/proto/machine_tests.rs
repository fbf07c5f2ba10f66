//! The readyState machine, ruling by ruling: a state, a call or a report, what comes of it.

use super::{Event, Ledger, Machine, ReadyState, Sent};

pub(super) type Tcp = Machine<&'static str>;

const HIGH_WATER_MARK: u32 = 100;
const LIMIT: u32 = 1000;

fn ledger() -> Ledger {
    Ledger::new(HIGH_WATER_MARK, LIMIT)
}

pub(super) fn connecting() -> Tcp {
    Machine::connecting(ledger(), None)
}

/// A client whose `open` has been told.
pub(super) fn open() -> Tcp {
    let mut machine = connecting();
    machine.connected();
    assert_eq!(machine.next(false), Some(Event::Open));
    machine
}

pub(super) fn open_with(allow_half_open: Option<bool>) -> Tcp {
    Machine::accepted(ledger(), allow_half_open)
}

pub(super) fn half_closed() -> Tcp {
    let mut machine = open();
    machine.half_close();
    machine
}

pub(super) fn closing() -> Tcp {
    let mut machine = open();
    machine.close(|| "abandoned");
    machine
}

pub(super) fn send(machine: &mut Tcp, bytes: u64) -> Sent {
    machine.send(bytes, |_| "full")
}

/// What a driver does at the end of a turn: all is written, a later task has come, FIN follows where it is due.
pub(super) fn flush(machine: &mut Tcp) {
    if machine.can_write() {
        machine.ledger.wrote(machine.ledger.unwritten(), 0);
    }
    machine.ledger.settle();
    if machine.wants_fin() {
        machine.fin_sent();
    }
}

/// Every event that is due, each with the state that its listeners see.
pub(super) fn told(machine: &mut Tcp) -> Vec<(Event<&'static str>, ReadyState)> {
    let mut told = Vec::new();
    while let Some(event) = machine.next(false) {
        told.push((event, machine.state()));
        assert!(told.len() < 10, "it does not end: {told:?}");
    }
    told
}

pub(super) fn assert_over(machine: &mut Tcp) {
    assert_eq!(machine.state(), ReadyState::Closed);
    assert!(machine.is_over() && machine.is_link_gone());
    assert_eq!(machine.next(false), None);
}

/// R-task: what comes from below changes readyState only when `next` tells of it.
#[test]
fn reports_change_no_state_before_next_tells_of_them() {
    type Report = fn(&mut Tcp);
    let reports: [(&str, Report); 4] = [
        ("connected", Tcp::connected),
        ("lost", |machine| machine.lost("lost")),
        ("peer_ended", Tcp::peer_ended),
        ("fin_sent", Tcp::fin_sent),
    ];
    for (name, report) in reports {
        for mut machine in [connecting(), open(), half_closed(), closing()] {
            let before = machine.state();
            report(&mut machine);
            assert_eq!(machine.state(), before, "{name} while {before:?}");
        }
    }
}

/// R-tcp-create, draft: "open" is told and the state changes with it, once.
#[test]
fn open_is_told_once_when_connected() {
    let mut machine = connecting();
    assert!(machine.is_connecting());
    assert_eq!(told(&mut machine), []);
    machine.connected();
    assert_eq!(machine.state(), ReadyState::Connecting);
    assert_eq!(told(&mut machine), [(Event::Open, ReadyState::Open)]);
    machine.connected();
    assert_eq!(told(&mut machine), []);
}

/// R-srv-connect: an accepted socket is "open" and tells no `open`.
#[test]
fn an_accepted_socket_is_open_without_an_event() {
    let mut machine = open_with(None);
    assert_eq!(machine.state(), ReadyState::Open);
    machine.connected();
    assert_eq!(told(&mut machine), []);
}

/// §0 `onerror`: before `open` the connection failed, and `close` does not fire. Later reports change nothing.
#[test]
fn a_failed_attempt_is_one_error_and_no_close() {
    let mut machine = connecting();
    machine.lost("refused");
    machine.lost("again");
    assert_eq!(told(&mut machine), [(Event::Error("refused"), ReadyState::Closed)]);
    machine.connected();
    machine.lost("late");
    machine.peer_ended();
    assert_over(&mut machine);
}

/// R-tcp-send: outside "open" it is an InvalidStateError and nothing is counted.
#[test]
fn send_is_refused_outside_open() {
    let mut closed = open();
    closed.reset(|| "abandoned");
    for mut machine in [connecting(), half_closed(), closing(), closed] {
        let state = machine.state();
        assert_eq!(send(&mut machine, 5), Sent::NotOpen, "{state:?}");
        assert_eq!(machine.send_blob(5), Sent::NotOpen, "{state:?}");
        assert_eq!((machine.state(), machine.ledger.buffered()), (state, 0));
    }
}

/// R-tcp-send, R-tcp-drain: false above the high-water mark, then one `drain` at 0.
#[test]
fn drain_fires_once_after_send_returned_false() {
    let mut machine = open();
    assert_eq!(send(&mut machine, 100), Sent::Taken(true));
    assert_eq!(send(&mut machine, 1), Sent::Taken(false));
    assert_eq!(send(&mut machine, 0), Sent::Taken(true));
    assert_eq!(told(&mut machine), []);
    machine.ledger.wrote(101, 0);
    assert_eq!(told(&mut machine), [], "bufferedAmount has not fallen yet");
    machine.ledger.settle();
    assert_eq!(told(&mut machine), [(Event::Drain, ReadyState::Open)]);
    assert_eq!(send(&mut machine, 100), Sent::Taken(true));
    flush(&mut machine);
    assert_eq!(told(&mut machine), [], "every send() since was true");
}

/// R-tcp-drain: it still fires while "halfclosed" or "closing", before `close`.
#[test]
fn drain_fires_while_half_closed_and_closing() {
    for close in [Tcp::half_close as fn(&mut Tcp), |machine| machine.close(|| "abandoned")] {
        let mut machine = open();
        assert_eq!(send(&mut machine, 500), Sent::Taken(false));
        close(&mut machine);
        let state = machine.state();
        machine.peer_ended();
        assert_eq!(told(&mut machine), []);
        flush(&mut machine);
        assert_eq!(told(&mut machine), [(Event::Drain, state), (Event::Close, ReadyState::Closed)]);
    }
}

/// R-tcp-full: "closed" at once, `error`, `close`; send() is false and its bytes are not counted.
#[test]
fn a_full_buffer_closes_at_once_with_error_and_close() {
    let mut machine = open();
    assert_eq!(send(&mut machine, 600), Sent::Taken(false));
    assert_eq!(machine.send(401, |ledger| if ledger.buffered() == 600 { "full" } else { "wrong" }), Sent::Full);
    assert_eq!((machine.state(), machine.ledger.buffered()), (ReadyState::Closed, 600));
    assert!(machine.is_link_gone() && !machine.is_over());
    assert_eq!(send(&mut machine, 1), Sent::NotOpen);
    let expected = [(Event::Error("full"), ReadyState::Closed), (Event::Close, ReadyState::Closed)];
    assert_eq!(told(&mut machine), expected);
    assert_over(&mut machine);
}

/// R-tcp-full: the first send, an empty one and a Blob are always taken.
#[test]
fn what_the_limit_never_stops() {
    let mut machine = open();
    assert_eq!(send(&mut machine, 1_000_000), Sent::Taken(false));
    assert_eq!(send(&mut machine, 0), Sent::Taken(true));
    assert_eq!(machine.send_blob(1_000_000), Sent::Taken(false));
    assert_eq!(machine.send_blob(0), Sent::Taken(true));
    assert_eq!(machine.state(), ReadyState::Open);
}

/// R-tcp-fin: with a `halfclose` listener, or `allowHalfOpen: true`, it stays "open" and sends on.
#[test]
fn the_peers_fin_leaves_the_socket_open_where_that_is_wanted() {
    for (allow_half_open, listener) in [(None, true), (Some(true), true), (Some(true), false)] {
        let mut machine = open_with(allow_half_open);
        machine.listen(true, listener);
        machine.peer_ended();
        assert_eq!(told(&mut machine), [(Event::HalfClose, ReadyState::Open)]);
        machine.peer_ended();
        assert_eq!(told(&mut machine), [], "once");
        assert_eq!(send(&mut machine, 5), Sent::Taken(true));
        flush(&mut machine);
        assert_eq!(told(&mut machine), []);
        assert!(!machine.wants_data() && !machine.drops_data() && !machine.peer_may_send());
        machine.close(|| "abandoned");
        assert!(machine.wants_fin());
        flush(&mut machine);
        assert_eq!(told(&mut machine), [(Event::Close, ReadyState::Closed)]);
        assert_over(&mut machine);
    }
}

/// R-tcp-fin: without a listener, or with `allowHalfOpen: false`: "closing", flushed, FIN, "closed" and `close`.
#[test]
fn the_peers_fin_closes_where_nobody_wants_it_half_open() {
    for allow_half_open in [None, Some(false)] {
        let mut machine = open_with(allow_half_open);
        machine.listen(true, false);
        send(&mut machine, 50);
        machine.peer_ended();
        assert_eq!(machine.state(), ReadyState::Open);
        assert_eq!(told(&mut machine), []);
        assert_eq!(machine.state(), ReadyState::Closing);
        assert!(machine.wants_fin() && machine.can_write());
        assert_eq!(send(&mut machine, 1), Sent::NotOpen);
        flush(&mut machine);
        assert_eq!(told(&mut machine), [(Event::Close, ReadyState::Closed)]);
        assert_over(&mut machine);
    }
}

/// R-tcp-fin: `allowHalfOpen: false` with a listener: `halfclose` fires, what it sends is flushed, then the rest.
#[test]
fn half_close_is_told_and_then_closes_where_half_open_is_not_allowed() {
    let mut machine = open_with(Some(false));
    machine.listen(false, true);
    machine.peer_ended();
    assert_eq!(machine.next(false), Some(Event::HalfClose));
    assert_eq!(machine.state(), ReadyState::Open);
    assert_eq!(send(&mut machine, 300), Sent::Taken(false));
    assert_eq!(told(&mut machine), []);
    assert_eq!(machine.state(), ReadyState::Closing);
    flush(&mut machine);
    assert_eq!(told(&mut machine), [(Event::Drain, ReadyState::Closing), (Event::Close, ReadyState::Closed)]);
}

/// R-tcp-fin: what the `halfclose` listener calls comes first.
#[test]
fn calls_in_a_half_close_listener_are_kept() {
    for (call, state) in [
        (Tcp::half_close as fn(&mut Tcp), ReadyState::HalfClosed),
        (|machine: &mut Tcp| machine.close(|| "abandoned"), ReadyState::Closing),
    ] {
        let mut machine = open_with(Some(false));
        machine.listen(false, true);
        machine.peer_ended();
        assert_eq!(machine.next(false), Some(Event::HalfClose));
        call(&mut machine);
        assert_eq!(told(&mut machine), []);
        assert_eq!(machine.state(), state);
        flush(&mut machine);
        assert_eq!(told(&mut machine), [(Event::Close, ReadyState::Closed)]);
    }
}

/// R-tcp-fin: which of the two it is, is decided when the FIN is delivered.
#[test]
fn the_listener_that_counts_is_the_one_at_delivery() {
    for (before, after) in [(true, false), (false, true)] {
        let mut machine = open();
        machine.listen(true, before);
        machine.suspend();
        machine.peer_ended();
        assert_eq!(told(&mut machine), []);
        machine.listen(true, after);
        machine.resume();
        assert_eq!(machine.next(false), after.then_some(Event::HalfClose));
        assert_eq!(machine.state(), if after { ReadyState::Open } else { ReadyState::Closing });
    }
}

/// R-tcp-fin: if we had half-closed already: "closed", `close`, with no `halfclose`.
#[test]
fn the_peers_fin_after_ours_closes() {
    let mut machine = half_closed();
    machine.listen(true, true);
    flush(&mut machine);
    assert_eq!(told(&mut machine), []);
    machine.peer_ended();
    assert_eq!(machine.state(), ReadyState::HalfClosed);
    assert_eq!(told(&mut machine), [(Event::Close, ReadyState::Closed)]);
    assert_over(&mut machine);
}

/// R-tcp-fin: the peer's FIN does not cut off what waits behind halfclose().
#[test]
fn the_peers_fin_waits_for_our_last_byte_when_half_closed() {
    let mut machine = open();
    send(&mut machine, 50);
    machine.half_close();
    machine.peer_ended();
    assert_eq!(told(&mut machine), []);
    assert_eq!(machine.state(), ReadyState::HalfClosed);
    assert!(machine.can_write() && machine.wants_fin());
    flush(&mut machine);
    assert_eq!(told(&mut machine), [(Event::Close, ReadyState::Closed)]);
}

/// R-tcp-halfclose: "halfclosed" at once; FIN once; messages still come; twice is once.
#[test]
fn half_close_is_at_once_and_messages_still_come() {
    let mut machine = open();
    machine.listen(true, false);
    machine.half_close();
    assert_eq!(machine.state(), ReadyState::HalfClosed);
    assert!(machine.wants_fin() && machine.wants_data());
    flush(&mut machine);
    assert!(!machine.wants_fin() && machine.wants_data() && !machine.lingers());
    machine.half_close();
    assert!(!machine.wants_fin());
    assert_eq!(told(&mut machine), []);
}

/// R-tcp-halfclose: while connecting, `open` fires when connected, "halfclosed" by then, and FIN follows.
#[test]
fn half_close_while_connecting_tells_open_and_then_ends_our_side() {
    let mut machine = connecting();
    machine.listen(true, false);
    machine.half_close();
    assert_eq!(machine.state(), ReadyState::HalfClosed);
    assert!(machine.is_connecting() && !machine.wants_fin() && !machine.wants_data());
    machine.connected();
    assert!(!machine.wants_fin(), "not before `open` is told");
    assert_eq!(told(&mut machine), [(Event::Open, ReadyState::HalfClosed)]);
    assert!(machine.wants_fin() && machine.wants_data());
    flush(&mut machine);
    machine.peer_ended();
    assert_eq!(told(&mut machine), [(Event::Close, ReadyState::Closed)]);
}

/// R-tcp-halfclose, §0: an attempt that fails after halfclose() is still a failed attempt.
#[test]
fn a_failed_attempt_after_half_close_is_one_error() {
    let mut machine = connecting();
    machine.half_close();
    machine.lost("refused");
    assert_eq!(told(&mut machine), [(Event::Error("refused"), ReadyState::Closed)]);
    assert_over(&mut machine);
}

/// Draft, halfclose(): nothing in "closing" and "closed".
#[test]
fn half_close_does_nothing_once_closing() {
    let mut machine = closing();
    machine.half_close();
    assert_eq!(machine.state(), ReadyState::Closing);
    let mut machine = open();
    machine.reset(|| "abandoned");
    machine.half_close();
    assert_eq!(machine.state(), ReadyState::Closed);
}

/// R-tcp-suspend: no data is wanted, a FIN waits for resume(); both calls are idempotent.
#[test]
fn suspend_holds_data_and_the_peers_end() {
    let mut machine = open();
    machine.listen(true, true);
    assert!(machine.wants_data());
    machine.suspend();
    machine.suspend();
    assert!(machine.is_suspended() && !machine.wants_data());
    machine.peer_ended();
    assert_eq!(told(&mut machine), []);
    machine.resume();
    machine.resume();
    assert_eq!(told(&mut machine), [(Event::HalfClose, ReadyState::Open)]);
}

/// R-tcp-suspend: a loss with nothing before it overtakes a FIN that waits for resume().
#[test]
fn a_loss_overtakes_a_held_fin() {
    let mut machine = open();
    machine.suspend();
    machine.peer_ended();
    assert_eq!(told(&mut machine), []);
    machine.lost("reset");
    assert_eq!(told(&mut machine)[0], (Event::Error("reset"), ReadyState::Closed));
}

/// R-tcp-suspend: it holds nothing but what comes in.
#[test]
fn suspend_holds_up_neither_open_nor_drain() {
    let mut machine = connecting();
    machine.suspend();
    machine.connected();
    assert_eq!(told(&mut machine), [(Event::Open, ReadyState::Open)]);
    assert_eq!(send(&mut machine, 500), Sent::Taken(false));
    flush(&mut machine);
    assert_eq!(told(&mut machine), [(Event::Drain, ReadyState::Open)]);
}

/// R-tcp-suspend, R-listen: suspend(), resume() and listeners do nothing once closed.
#[test]
fn nothing_revives_a_closed_socket() {
    let mut machine = open();
    machine.reset(|| "abandoned");
    machine.suspend();
    machine.resume();
    machine.listen(true, true);
    assert!(!machine.wants_data() && !machine.drops_data() && !machine.can_write() && !machine.wants_fin());
    assert_eq!(told(&mut machine), [(Event::Close, ReadyState::Closed)]);
    assert_over(&mut machine);
}

/// R-listen: without a listener nothing is taken, before `open` neither.
#[test]
fn data_is_wanted_only_while_somebody_listens() {
    let mut machine = connecting();
    machine.listen(true, false);
    assert!(!machine.wants_data());
    machine.connected();
    assert!(!machine.wants_data());
    machine.next(false);
    assert!(machine.wants_data());
    machine.listen(false, false);
    assert!(!machine.wants_data() && !machine.drops_data());
}
