//! How a connection ends in the readyState machine: close(), a loss, reset().

use super::machine_tests::{Tcp, assert_over, closing, connecting, flush, half_closed, open, open_with, send, told};
use super::{Event, ReadyState, Sent};

/// R-tcp-close: "closing" at once, no more messages, flushed, FIN, and `close` at the peer's FIN.
#[test]
fn close_flushes_ends_our_side_and_waits_for_the_peer() {
    let mut machine = open();
    machine.listen(true, true);
    send(&mut machine, 50);
    machine.close(|| "abandoned");
    assert_eq!(machine.state(), ReadyState::Closing);
    assert!(!machine.wants_data() && machine.drops_data() && machine.wants_fin());
    assert!(machine.is_flushing() && !machine.lingers(), "not before FIN is sent");
    flush(&mut machine);
    assert!(!machine.is_flushing() && machine.lingers());
    assert_eq!(told(&mut machine), []);
    machine.peer_ended();
    assert_eq!(machine.state(), ReadyState::Closing);
    assert_eq!(told(&mut machine), [(Event::Close, ReadyState::Closed)]);
    assert_over(&mut machine);
}

/// R-tcp-close: the peer's FIN alone is not enough: what is buffered is flushed first.
#[test]
fn close_waits_for_the_flush_though_the_peer_has_ended() {
    let mut machine = open();
    send(&mut machine, 50);
    machine.close(|| "abandoned");
    machine.peer_ended();
    assert_eq!(told(&mut machine), []);
    assert_eq!(machine.state(), ReadyState::Closing);
    assert!(machine.is_flushing());
    flush(&mut machine);
    assert_eq!(told(&mut machine), [(Event::Close, ReadyState::Closed)]);
}

/// R-tcp-close: a flush that takes too long is a lost connection, told once, also behind the peer's FIN.
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
        assert_eq!(told(&mut machine), []);
        assert!(machine.is_flushing());
        machine.lost("timed out");
        assert!(!machine.is_flushing(), "nothing more is sent");
        let expected = [Event::Error("timed out"), Event::Close].map(|event| (event, ReadyState::Closed));
        assert_eq!(told(&mut machine), expected);
        assert_eq!(machine.ledger.buffered(), 50, "R-tcp-lost: the count stays");
        assert_over(&mut machine);
    }
}

/// R-tcp-halfclose: close() from "halfclosed" works as from "open", our FIN sent or not.
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
        assert_eq!(told(&mut machine), [(Event::Close, ReadyState::Closed)]);
    }
}

/// R-once: the peer's end is reported as soon as closing begins, however long the flush takes, and only to who asked.
#[test]
fn the_peers_end_is_reported_before_the_flush() {
    for (asks, listens) in [(false, false), (true, false), (true, true)] {
        let mut machine = open();
        if asks {
            machine.report_end();
        }
        machine.listen(true, listens);
        send(&mut machine, 50);
        machine.suspend();
        machine.peer_ended();
        assert_eq!(told(&mut machine), [], "suspended");
        machine.resume();
        let expected = match (asks, listens) {
            (true, false) => vec![(Event::Ended, ReadyState::Closing)],
            (_, true) => vec![(Event::HalfClose, ReadyState::Open)],
            _ => vec![],
        };
        assert_eq!(told(&mut machine), expected);
        machine.close(|| "abandoned");
        flush(&mut machine);
        assert_eq!(told(&mut machine), [(Event::Close, ReadyState::Closed)], "once");
    }
}

/// Draft, close(): nothing in "closing" and "closed".
#[test]
fn close_twice_is_close_once() {
    let mut machine = closing();
    machine.close(|| "abandoned");
    flush(&mut machine);
    machine.close(|| "abandoned");
    machine.peer_ended();
    assert_eq!(told(&mut machine), [(Event::Close, ReadyState::Closed)]);
    machine.close(|| "abandoned");
    machine.reset(|| "abandoned");
    assert_over(&mut machine);
}

/// R-tcp-close, R-tcp-suspend: suspend() holds up neither close() nor the peer's end then.
#[test]
fn close_is_not_held_up_by_suspend() {
    let mut machine = open();
    machine.suspend();
    machine.peer_ended();
    assert_eq!(told(&mut machine), []);
    machine.close(|| "abandoned");
    flush(&mut machine);
    assert_eq!(told(&mut machine), [(Event::Close, ReadyState::Closed)]);
}

/// R-tcp-close-connecting: "closing"; then "closed" and one `error`, no `open`, no `close`.
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
            assert_eq!(told(&mut machine), [(Event::Error("abandoned"), ReadyState::Closed)]);
            assert_over(&mut machine);
        }
    }
}

/// R-tcp-close-connecting: as long as `open` has not been told, close() abandons, whatever the system knows by then.
#[test]
fn close_before_open_is_told_abandons_too() {
    for report in [Tcp::connected as fn(&mut Tcp), |machine| machine.lost("refused")] {
        let mut machine = connecting();
        report(&mut machine);
        machine.close(|| "abandoned");
        assert_eq!(told(&mut machine), [(Event::Error("abandoned"), ReadyState::Closed)]);
        assert_over(&mut machine);
    }
}

/// R-tcp-lost: in "open", "halfclosed" or "closing": "closed", `error`, `close`, in that order, once each.
#[test]
fn a_loss_is_error_then_close_once_each() {
    for mut machine in [open(), half_closed(), closing(), open_with(None)] {
        let state = machine.state();
        machine.lost("reset");
        machine.lost("again");
        assert_eq!(machine.state(), state);
        let expected = [(Event::Error("reset"), ReadyState::Closed), (Event::Close, ReadyState::Closed)];
        assert_eq!(told(&mut machine), expected, "{state:?}");
        machine.lost("late");
        assert_over(&mut machine);
    }
}

/// R-tcp-lost: unsent bytes are dropped, and bufferedAmount keeps their count; no `drain` comes.
#[test]
fn a_loss_keeps_the_count_of_what_was_not_sent() {
    let mut machine = open();
    assert_eq!(send(&mut machine, 500), Sent::Taken(false));
    machine.ledger.wrote(200, 0);
    machine.ledger.settle();
    machine.lost("reset");
    assert!(!machine.can_write());
    assert_eq!(told(&mut machine).len(), 2);
    assert_eq!(machine.ledger.buffered_amount(), 300);
}

/// R-tcp-lost, R-tcp-message: what came before a loss goes to a listener first; with none the loss overtakes it.
#[test]
fn a_loss_waits_for_bytes_that_a_listener_gets() {
    for listening in [true, false] {
        let mut machine = open();
        machine.listen(listening, false);
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

/// R-tcp-suspend: a loss waits only for data that came before it, listener or not; send() is false and counts nothing.
#[test]
fn a_loss_waits_for_resume_where_bytes_came_before_it() {
    for listening in [true, false] {
        let mut machine = open();
        machine.listen(listening, false);
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
    assert_eq!(machine.next(false), Some(Event::Error("reset")), "nothing came before it");
}

/// R-tcp-message: close() and reset() overtake unread bytes and the loss behind them.
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

/// R-reset: "closed" at once; `close` fires, no `error`; bufferedAmount keeps its count; once closed it does nothing.
#[test]
fn reset_closes_at_once_and_tells_only_close() {
    for mut machine in [open(), open_with(None), half_closed(), closing()] {
        let state = machine.state();
        machine.ledger.accept(500);
        machine.reset(|| "abandoned");
        assert_eq!(machine.state(), ReadyState::Closed, "from {state:?}");
        assert!(machine.is_link_gone() && !machine.is_over());
        machine.lost("late");
        machine.peer_ended();
        machine.reset(|| "abandoned");
        assert_eq!(told(&mut machine), [(Event::Close, ReadyState::Closed)]);
        assert_eq!(machine.ledger.buffered_amount(), 500);
        assert_over(&mut machine);
    }
}

/// R-reset: after an `error` that was told, it does not take the `close` away, nor add one.
#[test]
fn reset_in_an_error_listener_changes_nothing() {
    let mut machine = open();
    machine.lost("lost");
    assert_eq!(machine.next(false), Some(Event::Error("lost")));
    machine.reset(|| "abandoned");
    assert_eq!(told(&mut machine), [(Event::Close, ReadyState::Closed)]);
    assert_over(&mut machine);
}
