use super::*;

const SHORT: EventKind = EventKind::Message(Payload::ReadBuffer { start: 0, len: 64 });

fn turn(events: &[EventKind], senders: usize) -> Exchange {
    let mut exchange = Exchange::default();
    events.iter().for_each(|kind| exchange.note_event(kind));
    exchange.note_senders(senders);
    exchange
}

#[test]
fn a_short_message_and_an_answer_are_an_exchange() {
    assert!(turn(&[SHORT], 1).is_one());
    assert!(turn(&[SHORT, SHORT, SHORT, SHORT], 4).is_one());
    assert!(turn(&[EventKind::Readable], 1).is_one());
}

#[test]
fn a_turn_that_only_receives_or_only_sends_is_none() {
    assert!(!turn(&[SHORT], 0).is_one());
    assert!(!turn(&[], 1).is_one());
    assert!(!turn(&[EventKind::Drain, EventKind::Timer], 1).is_one());
}

#[test]
fn bulk_and_many_messages_are_none() {
    let block = EventKind::Message(Payload::Block { number: 0, len: 65_536 });
    assert!(!turn(&[block, SHORT], 1).is_one());
    assert!(!turn(&[SHORT, SHORT, SHORT, SHORT, SHORT], 1).is_one());
    let mut datagrams = Exchange::default();
    datagrams.note_datagrams(32);
    datagrams.note_senders(1);
    assert!(!datagrams.is_one());
}
