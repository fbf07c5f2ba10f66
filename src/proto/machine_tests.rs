//! Tests of the readyState machine, ruling by ruling. Each begins in a state, makes a call or a report, and checks the events and the
//! state.

pub(super) use super::machine_watch::{HIGH_WATER_MARK, LIMIT, Tcp};
use super::{Event, Ledger, Machine, ReadyState, Sent};

fn ledger() -> Ledger {
    Ledger::new(HIGH_WATER_MARK, LIMIT)
}

pub(super) fn connecting() -> Tcp {
    Machine::connecting(ledger(), None)
}

/// A client whose `open` was emitted.
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

/// What a socket does at the end of a turn: it writes everything, a later task begins, and it sends FIN if that is due.
pub(super) fn flush(machine: &mut Tcp) {
    if machine.can_write() {
        machine.ledger.wrote(machine.ledger.unwritten(), 0);
    }
    machine.ledger.settle();
    if machine.wants_fin() {
        machine.fin_sent();
    }
}

/// All events that are due, each with the state that its listeners see.
pub(super) fn emitted(machine: &mut Tcp) -> Vec<(Event<&'static str>, ReadyState)> {
    let mut events = Vec::new();
    while let Some(event) = machine.next(false) {
        events.push((event, machine.state()));
        assert!(events.len() < 10, "it does not end: {events:?}");
    }
    events
}

pub(super) fn assert_over(machine: &mut Tcp) {
    assert_eq!(machine.state(), ReadyState::Closed);
    assert!(machine.is_over() && machine.is_link_gone());
    assert_eq!(machine.next(false), None);
}

/// R-task: a report from below does not change readyState; `next` does.
#[test]
fn reports_do_not_change_the_state() {
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

/// R-tcp-create, draft: `open` is emitted once, and the state changes with it.
#[test]
fn open_is_emitted_once_when_connected() {
    let mut machine = connecting();
    assert!(machine.is_connecting());
    assert_eq!(emitted(&mut machine), []);
    machine.connected();
    assert_eq!(machine.state(), ReadyState::Connecting);
    assert_eq!(emitted(&mut machine), [(Event::Open, ReadyState::Open)]);
    machine.connected();
    assert_eq!(emitted(&mut machine), []);
}

/// R-srv-connect: an accepted socket is "open" and emits no `open`.
#[test]
fn an_accepted_socket_is_open_without_an_event() {
    let mut machine = open_with(None);
    assert_eq!(machine.state(), ReadyState::Open);
    machine.connected();
    assert_eq!(emitted(&mut machine), []);
}

/// §0 `onerror`: if the attempt fails, `error` fires and `close` does not. Later reports change nothing.
#[test]
fn a_failed_attempt_is_one_error_and_no_close() {
    let mut machine = connecting();
    machine.lost("refused");
    machine.lost("again");
    assert_eq!(emitted(&mut machine), [(Event::Error("refused"), ReadyState::Closed)]);
    machine.connected();
    machine.lost("late");
    machine.peer_ended();
    assert_over(&mut machine);
}

/// R-tcp-send: outside "open", send() throws an InvalidStateError and leaves bufferedAmount as it is.
#[test]
fn an_attempt_that_has_failed_is_not_established_by_a_late_report() {
    let mut machine = connecting();
    machine.lost("timed out");
    machine.connected();
    // Unread bytes hold back no failed attempt.
    machine.set_listeners(true, false);
    assert_eq!(machine.next(true), Some(Event::Error("timed out")));
    assert_eq!((machine.state(), machine.next(true)), (ReadyState::Closed, None));
    assert!(machine.is_over());
}

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

/// R-tcp-send, R-tcp-drain: send() returns false above the high-water mark; then `drain` fires once, at 0.
#[test]
fn drain_fires_once_after_send_returned_false() {
    let mut machine = open();
    assert_eq!(send(&mut machine, 100), Sent::Accepted(true));
    assert_eq!(send(&mut machine, 1), Sent::Accepted(false));
    assert_eq!(send(&mut machine, 0), Sent::Accepted(true));
    assert_eq!(emitted(&mut machine), []);
    machine.ledger.wrote(101, 0);
    assert_eq!(emitted(&mut machine), [], "bufferedAmount has not fallen yet");
    machine.ledger.settle();
    assert_eq!(emitted(&mut machine), [(Event::Drain, ReadyState::Open)]);
    assert_eq!(send(&mut machine, 100), Sent::Accepted(true));
    flush(&mut machine);
    assert_eq!(emitted(&mut machine), [], "every send() since was true");
}

/// R-tcp-drain: `drain` also fires in "halfclosed" and "closing", before `close`.
#[test]
fn drain_fires_while_half_closed_and_closing() {
    for close in [Tcp::half_close as fn(&mut Tcp), |machine| machine.close(|| "abandoned")] {
        let mut machine = open();
        assert_eq!(send(&mut machine, 500), Sent::Accepted(false));
        close(&mut machine);
        let state = machine.state();
        machine.peer_ended();
        assert_eq!(emitted(&mut machine), []);
        flush(&mut machine);
        assert_eq!(emitted(&mut machine), [(Event::Drain, state), (Event::Close, ReadyState::Closed)]);
    }
}

/// R-tcp-full: the state is "closed" at once, then `error` and `close` fire. send() returns false and leaves bufferedAmount as it is.
#[test]
fn a_full_buffer_closes_at_once_with_error_and_close() {
    let mut machine = open();
    assert_eq!(send(&mut machine, 600), Sent::Accepted(false));
    assert_eq!(machine.send(401, |ledger| if ledger.buffered() == 600 { "full" } else { "wrong" }), Sent::Full);
    assert_eq!((machine.state(), machine.ledger.buffered()), (ReadyState::Closed, 600));
    assert!(machine.is_link_gone() && !machine.is_over());
    assert_eq!(send(&mut machine, 1), Sent::NotOpen);
    let expected = [(Event::Error("full"), ReadyState::Closed), (Event::Close, ReadyState::Closed)];
    assert_eq!(emitted(&mut machine), expected);
    assert_over(&mut machine);
}

/// R-tcp-full: the first send(), an empty one and a Blob are always accepted.
#[test]
fn what_the_limit_never_stops() {
    let mut machine = open();
    assert_eq!(send(&mut machine, 1_000_000), Sent::Accepted(false));
    assert_eq!(send(&mut machine, 0), Sent::Accepted(true));
    assert_eq!(machine.send_blob(1_000_000), Sent::Accepted(false));
    assert_eq!(machine.send_blob(0), Sent::Accepted(true));
    assert_eq!(machine.state(), ReadyState::Open);
}

/// R-tcp-fin: with a `halfclose` listener, or `allowHalfOpen: true`, the socket stays "open" and can go on sending.
#[test]
fn the_peers_fin_leaves_the_socket_open_where_that_is_wanted() {
    for (allow_half_open, listener) in [(None, true), (Some(true), true), (Some(true), false)] {
        let mut machine = open_with(allow_half_open);
        machine.set_listeners(true, listener);
        machine.peer_ended();
        assert_eq!(emitted(&mut machine), [(Event::HalfClose, ReadyState::Open)]);
        machine.peer_ended();
        assert_eq!(emitted(&mut machine), [], "once");
        assert_eq!(send(&mut machine, 5), Sent::Accepted(true));
        flush(&mut machine);
        assert_eq!(emitted(&mut machine), []);
        assert!(!machine.wants_data() && !machine.drops_data() && !machine.peer_may_send());
        machine.close(|| "abandoned");
        assert!(machine.wants_fin());
        flush(&mut machine);
        assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)]);
        assert_over(&mut machine);
    }
}

/// R-tcp-fin: without a listener, or with `allowHalfOpen: false`, the socket is "closing", flushes, sends FIN, and is "closed" with
/// `close`.
#[test]
fn the_peers_fin_closes_where_half_open_is_not_wanted() {
    for allow_half_open in [None, Some(false)] {
        let mut machine = open_with(allow_half_open);
        machine.set_listeners(true, false);
        send(&mut machine, 50);
        machine.peer_ended();
        assert_eq!(machine.state(), ReadyState::Open);
        assert_eq!(emitted(&mut machine), []);
        assert_eq!(machine.state(), ReadyState::Closing);
        assert!(machine.wants_fin() && machine.can_write());
        assert_eq!(send(&mut machine, 1), Sent::NotOpen);
        flush(&mut machine);
        assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)]);
        assert_over(&mut machine);
    }
}

/// R-tcp-fin: with `allowHalfOpen: false` and a listener, `halfclose` fires and the bytes that the listener sends are flushed; then the
/// socket closes.
#[test]
fn half_close_is_emitted_and_then_closes_where_half_open_is_not_allowed() {
    let mut machine = open_with(Some(false));
    machine.set_listeners(false, true);
    machine.peer_ended();
    assert_eq!(machine.next(false), Some(Event::HalfClose));
    assert_eq!(machine.state(), ReadyState::Open);
    assert_eq!(send(&mut machine, 300), Sent::Accepted(false));
    assert_eq!(emitted(&mut machine), []);
    assert_eq!(machine.state(), ReadyState::Closing);
    flush(&mut machine);
    assert_eq!(emitted(&mut machine), [(Event::Drain, ReadyState::Closing), (Event::Close, ReadyState::Closed)]);
}

/// R-tcp-fin: halfclose() and close() in a `halfclose` listener take effect before the automatic closing.
#[test]
fn calls_in_a_half_close_listener_are_kept() {
    for (call, state) in [
        (Tcp::half_close as fn(&mut Tcp), ReadyState::HalfClosed),
        (|machine: &mut Tcp| machine.close(|| "abandoned"), ReadyState::Closing),
    ] {
        let mut machine = open_with(Some(false));
        machine.set_listeners(false, true);
        machine.peer_ended();
        assert_eq!(machine.next(false), Some(Event::HalfClose));
        call(&mut machine);
        assert_eq!(emitted(&mut machine), []);
        assert_eq!(machine.state(), state);
        flush(&mut machine);
        assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)]);
    }
}

/// R-tcp-fin: the listeners at the time of delivery decide between `halfclose` and closing, not those at the FIN's arrival.
#[test]
fn the_listener_that_counts_is_the_one_at_delivery() {
    for (before, after) in [(true, false), (false, true)] {
        let mut machine = open();
        machine.set_listeners(true, before);
        machine.suspend();
        machine.peer_ended();
        assert_eq!(emitted(&mut machine), []);
        machine.set_listeners(true, after);
        machine.resume();
        assert_eq!(machine.next(false), after.then_some(Event::HalfClose));
        assert_eq!(machine.state(), if after { ReadyState::Open } else { ReadyState::Closing });
    }
}

/// R-tcp-fin: after our halfclose(), the peer's FIN gives "closed" and `close`, without `halfclose`.
#[test]
fn the_peers_fin_after_ours_closes() {
    let mut machine = half_closed();
    machine.set_listeners(true, true);
    flush(&mut machine);
    assert_eq!(emitted(&mut machine), []);
    machine.peer_ended();
    assert_eq!(machine.state(), ReadyState::HalfClosed);
    assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)]);
    assert_over(&mut machine);
}

/// R-tcp-fin: the peer's FIN does not discard bytes that halfclose() still has to flush.
#[test]
fn the_peers_fin_waits_for_our_last_byte_when_half_closed() {
    let mut machine = open();
    send(&mut machine, 50);
    machine.half_close();
    machine.peer_ended();
    assert_eq!(emitted(&mut machine), []);
    assert_eq!(machine.state(), ReadyState::HalfClosed);
    assert!(machine.can_write() && machine.wants_fin());
    flush(&mut machine);
    assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)]);
}

/// R-tcp-halfclose: the state is "halfclosed" at once, FIN is sent once, messages still arrive; a second call does nothing.
#[test]
fn half_close_is_at_once_and_messages_still_come() {
    let mut machine = open();
    machine.set_listeners(true, false);
    machine.half_close();
    assert_eq!(machine.state(), ReadyState::HalfClosed);
    assert!(machine.wants_fin() && machine.wants_data());
    flush(&mut machine);
    assert!(!machine.wants_fin() && machine.wants_data() && !machine.lingers());
    machine.half_close();
    assert!(!machine.wants_fin());
    assert_eq!(emitted(&mut machine), []);
}

/// R-tcp-halfclose: after halfclose() while connecting, `open` fires when connected, with the state "halfclosed"; FIN follows.
#[test]
fn half_close_while_connecting_emits_open_and_then_ends_our_side() {
    let mut machine = connecting();
    machine.set_listeners(true, false);
    machine.half_close();
    assert_eq!(machine.state(), ReadyState::HalfClosed);
    assert!(machine.is_connecting() && !machine.wants_fin() && !machine.wants_data());
    machine.connected();
    assert!(!machine.wants_fin(), "not before `open` is emitted");
    assert_eq!(emitted(&mut machine), [(Event::Open, ReadyState::HalfClosed)]);
    assert!(machine.wants_fin() && machine.wants_data());
    flush(&mut machine);
    machine.peer_ended();
    assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)]);
}

/// R-tcp-halfclose, §0: an attempt that fails after halfclose() is still a failed attempt.
#[test]
fn a_failed_attempt_after_half_close_is_one_error() {
    let mut machine = connecting();
    machine.half_close();
    machine.lost("refused");
    assert_eq!(emitted(&mut machine), [(Event::Error("refused"), ReadyState::Closed)]);
    assert_over(&mut machine);
}

/// Draft, halfclose(): it does nothing in "closing" and "closed".
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

/// R-tcp-suspend: while suspended no data is wanted, and a FIN waits for resume(). Calling either twice is the same as once.
#[test]
fn suspend_holds_data_and_the_peers_end() {
    let mut machine = open();
    machine.set_listeners(true, true);
    assert!(machine.wants_data());
    machine.suspend();
    machine.suspend();
    assert!(machine.is_suspended() && !machine.wants_data());
    machine.peer_ended();
    assert_eq!(emitted(&mut machine), []);
    machine.resume();
    machine.resume();
    assert_eq!(emitted(&mut machine), [(Event::HalfClose, ReadyState::Open)]);
}

/// R-tcp-suspend: a loss without unread bytes before it overtakes a FIN that waits for resume().
#[test]
fn a_loss_overtakes_a_held_fin() {
    let mut machine = open();
    machine.suspend();
    machine.peer_ended();
    assert_eq!(emitted(&mut machine), []);
    machine.lost("reset");
    assert_eq!(emitted(&mut machine)[0], (Event::Error("reset"), ReadyState::Closed));
}

/// R-tcp-suspend: suspend() holds only received bytes and the peer's FIN.
#[test]
fn suspend_delays_neither_open_nor_drain() {
    let mut machine = connecting();
    machine.suspend();
    machine.connected();
    assert_eq!(emitted(&mut machine), [(Event::Open, ReadyState::Open)]);
    assert_eq!(send(&mut machine, 500), Sent::Accepted(false));
    flush(&mut machine);
    assert_eq!(emitted(&mut machine), [(Event::Drain, ReadyState::Open)]);
}

/// R-tcp-suspend, R-listen: suspend(), resume() and new listeners have no effect on a closed socket.
#[test]
fn nothing_revives_a_closed_socket() {
    let mut machine = open();
    machine.reset(|| "abandoned");
    machine.suspend();
    machine.resume();
    machine.set_listeners(true, true);
    assert!(!machine.wants_data() && !machine.drops_data() && !machine.can_write() && !machine.wants_fin());
    assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)]);
    assert_over(&mut machine);
}

/// R-listen: without a listener, or before `open`, no bytes are read.
#[test]
fn data_is_wanted_only_while_somebody_listens() {
    let mut machine = connecting();
    machine.set_listeners(true, false);
    assert!(!machine.wants_data());
    machine.connected();
    assert!(!machine.wants_data());
    machine.next(false);
    assert!(machine.wants_data());
    machine.set_listeners(false, false);
    assert!(!machine.wants_data() && !machine.drops_data());
}

/// R-relay, R-task: the loss of a relay's other socket resets this one. readyState changes with `close`, not with the report.
#[test]
fn the_loss_of_the_other_socket_of_a_relay_changes_the_state_with_close() {
    let mut machine = open();
    machine.relay();
    machine.other_lost();
    assert!(machine.state() == ReadyState::Open && !machine.can_write() && !machine.wants_data());
    assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)]);
    assert_over(&mut machine);
    for call in [|machine: &mut Tcp| machine.close(|| "abandoned"), |machine: &mut Tcp| machine.reset(|| "abandoned")] {
        let mut machine = open();
        machine.relay();
        machine.other_lost();
        call(&mut machine);
        assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)]);
        assert_over(&mut machine);
    }
}
