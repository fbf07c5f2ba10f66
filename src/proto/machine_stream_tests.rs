//! Tests of the readyState machine when the socket's streams and its signal are used (R-streams, R-abort).

use super::machine_tests::{Tcp, connecting, flush, open_with};
use super::{Event, Intake, ReadyState, Sent};

/// An open socket whose both streams are in use.
fn streaming() -> Tcp {
    let mut machine = open_with(None);
    machine.set_listeners(true, true);
    machine
}

fn emitted(machine: &mut Tcp) -> Vec<Event<&'static str>> {
    std::iter::from_fn(|| machine.next(false)).collect()
}

/// R-streams: while nobody reads the stream, bytes wait in the system. The peer's end is reported if no unread byte is before it.
#[test]
fn a_stream_that_holds_its_mark_takes_nothing() {
    let mut machine = streaming();
    machine.set_intake(Intake::Held);
    assert!(!machine.wants_data() && !machine.drops_data());
    machine.set_intake(Intake::Flowing);
    assert!(machine.wants_data());
    machine.set_intake(Intake::Held);
    machine.peer_ended();
    assert_eq!(emitted(&mut machine), [Event::HalfClose]);
    assert_eq!(machine.state(), ReadyState::Open);
}

/// R-tcp-lost: bytes that arrived before a loss are delivered first, even if the stream has no room, because the loss does not wait until
/// the stream is read.
#[test]
fn a_loss_waits_for_bytes_but_for_no_reader() {
    let mut machine = streaming();
    machine.set_intake(Intake::Held);
    machine.lost("reset");
    assert_eq!(machine.next(true), None);
    assert!(machine.wants_data());
    assert_eq!(machine.next(false), Some(Event::Error("reset")));
    assert_eq!(machine.next(false), Some(Event::Close));
    assert!(machine.is_over());
}

/// R-tcp-suspend: suspend() also stops the delivery to a stream.
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

/// R-streams: a cancelled stream drops all bytes up to the peer's end. It does not start the linger, and no loss waits for it.
#[test]
fn a_cancelled_stream_drops_what_comes() {
    let mut machine = streaming();
    machine.set_intake(Intake::Dropped);
    machine.set_listeners(false, true);
    assert!(machine.drops_data() && !machine.wants_data() && !machine.lingers());
    machine.suspend();
    assert!(!machine.drops_data());
    machine.resume();
    machine.half_close();
    flush(&mut machine);
    assert!(machine.drops_data() && !machine.lingers());
    machine.peer_ended();
    assert_eq!(emitted(&mut machine), [Event::Close]);

    let mut machine = streaming();
    machine.set_intake(Intake::Dropped);
    machine.set_listeners(false, true);
    machine.lost("reset");
    assert!(!machine.drops_data());
    assert_eq!(machine.next(true), Some(Event::Error("reset")));
}

/// R-streams: close() of `writable` is fulfilled when the system has the last byte.
#[test]
fn finish_is_emitted_once_when_all_is_sent() {
    let mut machine = streaming();
    assert_eq!(machine.send(500, |_| "full"), Sent::Accepted(false));
    machine.half_close();
    machine.request_finish();
    assert_eq!(emitted(&mut machine), []);
    flush(&mut machine);
    assert_eq!(emitted(&mut machine), [Event::Drain, Event::Finish]);
    assert_eq!(machine.state(), ReadyState::HalfClosed);
    machine.peer_ended();
    assert_eq!(emitted(&mut machine), [Event::Close]);

    let mut machine = streaming();
    machine.half_close();
    flush(&mut machine);
    assert_eq!(emitted(&mut machine), [], "it was not requested");
    machine.request_finish();
    assert_eq!(emitted(&mut machine), [Event::Finish], "FIN was sent before");
}

/// R-streams: the promise of close() is fulfilled even if the peer has ended before, and even if the socket is closed.
#[test]
fn finish_comes_before_close() {
    for closes in [false, true] {
        let mut machine = streaming();
        machine.peer_ended();
        assert_eq!(emitted(&mut machine), [Event::HalfClose]);
        machine.half_close();
        machine.request_finish();
        if closes {
            machine.close(|| "abandoned");
        }
        flush(&mut machine);
        assert_eq!(emitted(&mut machine), [Event::Finish, Event::Close]);
    }
}

/// R-abort: the socket is closed at once; `error` follows, then `close` if it had opened; once closed, abort() does nothing.
#[test]
fn abort_is_an_error() {
    let mut machine = connecting();
    machine.abort(|| "aborted");
    assert_eq!(machine.state(), ReadyState::Closed);
    assert!(machine.is_link_gone() && !machine.is_over());
    machine.connected();
    machine.abort(|| "again");
    assert_eq!(emitted(&mut machine), [Event::Error("aborted")]);
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
        machine.lost("earlier, but not emitted");
        machine.abort(|| "aborted");
        assert_eq!(machine.state(), ReadyState::Closed);
        assert_eq!(machine.ledger.buffered_amount(), 500);
        assert_eq!(emitted(&mut machine), [Event::Error("aborted"), Event::Close]);
        machine.abort(|| "again");
        assert_eq!(emitted(&mut machine), []);
    }

    let mut machine = connecting();
    machine.close(|| "abandoned");
    machine.abort(|| "aborted");
    assert_eq!(emitted(&mut machine), [Event::Error("abandoned")], "close() was first");

    let mut machine = streaming();
    machine.reset(|| "abandoned");
    machine.abort(|| "aborted");
    assert_eq!(emitted(&mut machine), [Event::Close]);
}

/// R-reader: bytes that were given back are delivered, also after the peer's end was reported. An end that no `halfclose` listener has
/// received is due again after them. Without such a listener the socket then closes.
#[test]
fn an_end_is_reported_again_behind_returned_bytes() {
    let mut machine = streaming();
    machine.peer_ended();
    assert_eq!(emitted(&mut machine), [Event::HalfClose]);
    assert!(!machine.wants_data());
    machine.set_returned(true);
    machine.report_end_again(false);
    machine.set_listeners(true, false);
    assert!(machine.wants_data());
    assert_eq!(emitted(&mut machine), []);
    machine.set_returned(false);
    assert_eq!(emitted(&mut machine), []);
    assert_eq!(machine.state(), ReadyState::Closing);
}

/// R-reader: without bytes the end is reported again at once.
#[test]
fn an_end_is_reported_again_without_bytes() {
    let mut machine = streaming();
    machine.peer_ended();
    assert_eq!(emitted(&mut machine), [Event::HalfClose]);
    machine.report_end_again(false);
    assert_eq!(emitted(&mut machine), [Event::HalfClose]);
    assert_eq!(emitted(&mut machine), []);
}

/// R-reader: an end that a listener has received causes no second `halfclose`.
#[test]
fn an_end_that_was_delivered_causes_no_second_half_close() {
    let mut machine = streaming();
    machine.peer_ended();
    assert_eq!(emitted(&mut machine), [Event::HalfClose]);
    machine.set_returned(true);
    machine.report_end_again(true);
    machine.set_listeners(true, false);
    assert_eq!(emitted(&mut machine), []);
    machine.set_returned(false);
    assert_eq!(emitted(&mut machine), [Event::Ended]);
    assert_eq!(machine.state(), ReadyState::Open);
}

/// R-reader: bytes that were given back come after an end that was reported, unless the socket is closed.
#[test]
fn returned_bytes_come_after_an_end_that_was_delivered() {
    let mut machine = streaming();
    machine.peer_ended();
    assert_eq!(emitted(&mut machine), [Event::HalfClose]);
    machine.set_returned(true);
    assert!(machine.wants_data());
    machine.close(|| "abandoned");
    assert!(!machine.wants_data());
    machine.report_end_again(false);
    assert!(machine.has_ended());
}
