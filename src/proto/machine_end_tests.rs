//! Tests of how a connection ends in the readyState machine: by close(), by a loss, by reset().

use super::machine_tests::{Tcp, assert_over, closing, connecting, emitted, flush, half_closed, open, open_with, send};
use super::{Event, ReadyState, Sent};

/// R-tcp-close: close() is "closing" at once and stops messages; the buffer is flushed, FIN is sent, and the peer's FIN gives `close`.
#[test]
fn close_flushes_ends_our_side_and_waits_for_the_peer() {
    let mut machine = open();
    machine.set_listeners(true, true);
    send(&mut machine, 50);
    machine.close(|| "abandoned");
    assert_eq!(machine.state(), ReadyState::Closing);
    assert!(!machine.wants_data() && machine.drops_data() && machine.wants_fin());
    assert!(machine.is_flushing() && !machine.lingers(), "not before FIN is sent");
    flush(&mut machine);
    assert!(!machine.is_flushing() && machine.lingers());
    assert_eq!(emitted(&mut machine), []);
    machine.peer_ended();
    assert_eq!(machine.state(), ReadyState::Closing);
    assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)]);
    assert_over(&mut machine);
}

/// R-tcp-close: even if the peer has sent FIN, buffered bytes are flushed before `close`.
#[test]
fn close_waits_for_the_flush_though_the_peer_has_ended() {
    let mut machine = open();
    send(&mut machine, 50);
    machine.close(|| "abandoned");
    machine.peer_ended();
    assert_eq!(emitted(&mut machine), []);
    assert_eq!(machine.state(), ReadyState::Closing);
    assert!(machine.is_flushing());
    flush(&mut machine);
    assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)]);
}

/// R-tcp-close: if a flush takes too long, the connection is lost, and this is reported once. This is so after the peer's FIN, too.
#[test]
fn a_flush_may_be_lost() {
    for peer_has_ended in [false, true] {
        let mut machine = open();
        send(&mut machine, 50);
        if peer_has_ended {
            machine.peer_ended();
        } else {
            machine.close(|| "abandoned");
        }
        assert_eq!(emitted(&mut machine), []);
        assert!(machine.is_flushing());
        machine.lost("timed out");
        assert!(!machine.is_flushing(), "nothing more is sent");
        let expected = [Event::Error("timed out"), Event::Close].map(|event| (event, ReadyState::Closed));
        assert_eq!(emitted(&mut machine), expected);
        assert_eq!(machine.ledger.buffered(), 50, "R-tcp-lost: the count stays");
        assert_over(&mut machine);
    }
}

/// R-tcp-halfclose: close() works from "halfclosed" as from "open", whether or not FIN was sent.
#[test]
fn close_after_half_close_lingers_for_the_peer() {
    for fin_sent in [false, true] {
        let mut machine = half_closed();
        assert!(!machine.is_flushing(), "halfclose() has no limit of its own");
        if fin_sent {
            flush(&mut machine);
        }
        machine.close(|| "abandoned");
        assert_eq!(machine.state(), ReadyState::Closing);
        assert_eq!(machine.is_flushing(), !fin_sent);
        flush(&mut machine);
        assert!(machine.lingers() && machine.drops_data());
        machine.peer_ended();
        assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)]);
    }
}

/// R-once: `Ended` is emitted as soon as closing begins, however long the flush takes, and only if it was requested.
#[test]
fn the_peers_end_is_reported_before_the_flush() {
    for (asks, listens) in [(false, false), (true, false), (true, true)] {
        let mut machine = open();
        if asks {
            machine.request_end();
        }
        machine.set_listeners(true, listens);
        send(&mut machine, 50);
        machine.suspend();
        machine.peer_ended();
        assert_eq!(emitted(&mut machine), [], "suspended");
        machine.resume();
        let expected = match (asks, listens) {
            (true, false) => vec![(Event::Ended, ReadyState::Closing)],
            (_, true) => vec![(Event::HalfClose, ReadyState::Open)],
            _ => vec![],
        };
        assert_eq!(emitted(&mut machine), expected);
        machine.close(|| "abandoned");
        flush(&mut machine);
        assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)], "once");
    }
}

/// Draft, close(): it does nothing in "closing" and "closed".
#[test]
fn close_twice_is_close_once() {
    let mut machine = closing();
    machine.close(|| "abandoned");
    flush(&mut machine);
    machine.close(|| "abandoned");
    machine.peer_ended();
    assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)]);
    machine.close(|| "abandoned");
    machine.reset(|| "abandoned");
    assert_over(&mut machine);
}

/// R-tcp-close, R-tcp-suspend: suspend() delays neither close() nor the peer's end after it.
#[test]
fn close_is_not_held_up_by_suspend() {
    let mut machine = open();
    machine.suspend();
    machine.peer_ended();
    assert_eq!(emitted(&mut machine), []);
    machine.close(|| "abandoned");
    flush(&mut machine);
    assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)]);
}

/// R-tcp-close-connecting: the state is "closing", then "closed" with one `error`; there is no `open` and no `close`.
#[test]
fn close_while_connecting_abandons_the_attempt() {
    for half_closed in [false, true] {
        for reset in [false, true] {
            let mut machine = connecting();
            if half_closed {
                machine.half_close();
            }
            if reset {
                machine.reset(|| "abandoned");
            } else {
                machine.close(|| "abandoned");
            }
            assert_eq!(machine.state(), ReadyState::Closing);
            assert!(machine.is_link_gone() && !machine.is_connecting());
            machine.connected();
            machine.lost("late");
            assert_eq!(emitted(&mut machine), [(Event::Error("abandoned"), ReadyState::Closed)]);
            assert_over(&mut machine);
        }
    }
}

/// R-tcp-close-connecting: until `open` is emitted, close() abandons the attempt, even if the system already knows the outcome.
#[test]
fn close_before_open_is_emitted_abandons_too() {
    for report in [Tcp::connected as fn(&mut Tcp), |machine| machine.lost("refused")] {
        let mut machine = connecting();
        report(&mut machine);
        machine.close(|| "abandoned");
        assert_eq!(emitted(&mut machine), [(Event::Error("abandoned"), ReadyState::Closed)]);
        assert_over(&mut machine);
    }
}

/// R-tcp-lost: in "open", "halfclosed" or "closing" a loss gives "closed", `error` and `close`, in that order, once each.
#[test]
fn a_loss_is_error_then_close_once_each() {
    for mut machine in [open(), half_closed(), closing(), open_with(None)] {
        let state = machine.state();
        machine.lost("reset");
        machine.lost("again");
        assert_eq!(machine.state(), state);
        let expected = [(Event::Error("reset"), ReadyState::Closed), (Event::Close, ReadyState::Closed)];
        assert_eq!(emitted(&mut machine), expected, "{state:?}");
        machine.lost("late");
        assert_over(&mut machine);
    }
}

/// R-tcp-lost: unsent bytes are dropped, bufferedAmount keeps their count, and `drain` does not fire.
#[test]
fn a_loss_keeps_the_count_of_what_was_not_sent() {
    let mut machine = open();
    assert_eq!(send(&mut machine, 500), Sent::Accepted(false));
    machine.ledger.wrote(200, 0);
    machine.ledger.settle();
    machine.lost("reset");
    assert!(!machine.can_write());
    assert_eq!(emitted(&mut machine).len(), 2);
    assert_eq!(machine.ledger.buffered_amount(), 300);
}

/// R-tcp-lost, R-tcp-message: bytes that arrived before a loss go to the listener first; without a listener the loss overtakes them.
#[test]
fn a_loss_waits_for_bytes_that_a_listener_gets() {
    for listening in [true, false] {
        let mut machine = open();
        machine.set_listeners(listening, false);
        machine.lost("reset");
        let now = machine.next(true);
        if listening {
            assert_eq!(now, None);
            assert!(machine.wants_data());
            assert_eq!(machine.state(), ReadyState::Open);
            assert_eq!(machine.next(false), Some(Event::Error("reset")));
        } else {
            assert_eq!(now, Some(Event::Error("reset")));
        }
        assert_eq!(machine.next(true), Some(Event::Close));
    }
}

/// R-tcp-suspend: while suspended, a loss waits only for bytes that arrived before it, with or without a listener. While the loss waits,
/// send() returns false and leaves bufferedAmount as it is.
#[test]
fn a_loss_waits_for_resume_where_bytes_came_before_it() {
    for listening in [true, false] {
        let mut machine = open();
        machine.set_listeners(listening, false);
        machine.suspend();
        machine.lost("reset");
        assert_eq!(machine.next(true), None);
        assert!(machine.is_faulty() && !machine.wants_data());
        assert_eq!(machine.state(), ReadyState::Open);
        assert_eq!(send(&mut machine, 5), Sent::Ignored);
        assert_eq!(send(&mut machine, 0), Sent::Ignored);
        assert_eq!(machine.send_blob(5), Sent::Ignored);
        assert_eq!(machine.ledger.buffered(), 0);
        machine.resume();
        assert_eq!(machine.next(listening), if listening { None } else { Some(Event::Error("reset")) });
    }
    let mut machine = open();
    machine.suspend();
    machine.lost("reset");
    assert_eq!(machine.next(false), Some(Event::Error("reset")), "no byte came before it");
}

/// R-tcp-message: after close() or reset() a loss does not wait for unread bytes any more.
#[test]
fn close_and_reset_overtake_a_loss_that_waits() {
    let waiting = || {
        let mut machine = open();
        machine.suspend();
        machine.lost("lost");
        assert_eq!(machine.next(true), None);
        machine
    };
    let mut machine = waiting();
    machine.close(|| "abandoned");
    assert_eq!(machine.next(true), Some(Event::Error("lost")));
    assert_eq!(machine.next(true), Some(Event::Close));
    let mut machine = waiting();
    machine.reset(|| "abandoned");
    assert_eq!(machine.next(true), Some(Event::Close), "R-reset: no error");
    assert_over(&mut machine);
}

/// R-reset: the state is "closed" at once; `close` fires without `error`; bufferedAmount keeps its count; once closed, reset() does
/// nothing.
#[test]
fn reset_closes_at_once_and_emits_only_close() {
    for mut machine in [open(), open_with(None), half_closed(), closing()] {
        let state = machine.state();
        machine.ledger.accept(500);
        machine.reset(|| "abandoned");
        assert_eq!(machine.state(), ReadyState::Closed, "from {state:?}");
        assert!(machine.is_link_gone() && !machine.is_over());
        machine.lost("late");
        machine.peer_ended();
        machine.reset(|| "abandoned");
        assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)]);
        assert_eq!(machine.ledger.buffered_amount(), 500);
        assert_over(&mut machine);
    }
}

/// R-reset: reset() after an emitted `error` neither removes the `close` that follows nor adds another.
#[test]
fn reset_in_an_error_listener_changes_nothing() {
    let mut machine = open();
    machine.lost("lost");
    assert_eq!(machine.next(false), Some(Event::Error("lost")));
    machine.reset(|| "abandoned");
    assert_eq!(emitted(&mut machine), [(Event::Close, ReadyState::Closed)]);
    assert_over(&mut machine);
}
