use super::*;

const SHORT: EventKind = EventKind::Message(Payload::ReadBuffer { start: 0, len: 64 });

fn turn(events: &[EventKind], senders: usize) -> TurnKind {
    let mut exchange = Exchange::default();
    events.iter().for_each(|kind| exchange.note_event(kind));
    exchange.note_senders(senders);
    exchange.kind()
}

#[test]
fn a_short_message_and_an_answer_are_an_exchange() {
    assert_eq!(turn(&[SHORT], 1), TurnKind::Exchange);
    assert_eq!(turn(&[SHORT, SHORT, SHORT, SHORT], 4), TurnKind::Exchange);
    assert_eq!(turn(&[EventKind::Readable], 1), TurnKind::Exchange);
}

#[test]
fn a_turn_that_only_receives_or_only_sends_is_none() {
    assert_eq!(turn(&[SHORT], 0), TurnKind::Other);
    assert_eq!(turn(&[], 1), TurnKind::Other);
    assert_eq!(turn(&[EventKind::Drain, EventKind::Timer], 1), TurnKind::Other);
}

#[test]
fn a_turn_without_messages_and_sends_is_idle() {
    assert_eq!(turn(&[], 0), TurnKind::Idle);
    assert_eq!(turn(&[EventKind::Drain], 0), TurnKind::Idle);
}

#[test]
fn bulk_and_many_messages_are_none() {
    let block = EventKind::Message(Payload::Block { number: 0, len: 65_536 });
    assert_eq!(turn(&[block, SHORT], 1), TurnKind::Other);
    assert_eq!(turn(&[SHORT, SHORT, SHORT, SHORT, SHORT], 1), TurnKind::Other);
    let mut datagrams = Exchange::default();
    datagrams.note_datagrams(32);
    datagrams.note_senders(1);
    assert_eq!(datagrams.kind(), TurnKind::Other);
}
