//! Tests of the bufferedAmount account: first the rulings, one by one, then random operations.

use super::Ledger;
use super::ledger_operations::random_operations;
use super::machine_watch::{HIGH_WATER_MARK, LIMIT};
use super::random::Random;

fn ledger() -> Ledger {
    Ledger::new(HIGH_WATER_MARK, LIMIT)
}

/// Writes everything, and begins a later task.
fn flush(ledger: &mut Ledger) {
    ledger.wrote(ledger.unwritten(), 0);
    ledger.settle();
}

/// R-tcp-send: bufferedAmount rises at once and falls only in a later task.
#[test]
fn buffered_amount_rises_with_send_and_falls_only_when_settled() {
    let mut ledger = ledger();
    assert!(ledger.accept(60));
    assert_eq!((ledger.buffered_amount(), ledger.unwritten()), (60, 60));
    ledger.wrote(60, 0);
    assert_eq!((ledger.buffered_amount(), ledger.unwritten()), (60, 0));
    assert!(!ledger.is_settled());
    ledger.settle();
    assert_eq!((ledger.buffered_amount(), ledger.is_settled()), (0, true));
}

/// R-tcp-send: after a partial write, bufferedAmount falls by the written bytes only.
#[test]
fn a_partial_write_takes_off_what_it_wrote() {
    let mut ledger = ledger();
    ledger.accept(60);
    ledger.wrote(25, 0);
    ledger.settle();
    assert_eq!((ledger.buffered(), ledger.unwritten()), (35, 35));
}

/// R-tcp-send: bufferedAmount never reads more than 2^32-1, and does not wrap.
#[test]
fn buffered_amount_stays_at_its_greatest_value() {
    let mut ledger = ledger();
    ledger.accept_blob(u64::from(u32::MAX));
    assert_eq!(ledger.buffered_amount(), u32::MAX);
    ledger.accept_blob(5);
    assert_eq!(ledger.buffered_amount(), u32::MAX);
    assert_eq!(ledger.buffered(), u64::from(u32::MAX) + 5);
    ledger.wrote(6, 6);
    ledger.settle();
    assert_eq!(ledger.buffered_amount(), u32::MAX - 1);
}

/// R-tcp-send: send() returns false only above the high-water mark; an empty payload gives true even there.
#[test]
fn send_returns_false_above_the_high_water_mark_only() {
    let mut ledger = ledger();
    assert!(ledger.accept(99));
    assert!(ledger.accept(1));
    assert!(ledger.accept(0));
    assert!(!ledger.accept(1));
    assert!(ledger.accept(0));
    assert!(!ledger.accept_blob(1));
}

/// R-tcp-send: with a high-water mark of 0, each send() of at least one byte returns false.
#[test]
fn a_high_water_mark_of_zero_gives_false_for_every_byte() {
    let mut ledger = Ledger::new(0, LIMIT);
    assert!(ledger.accept(0));
    assert!(!ledger.accept(1));
}

/// R-tcp-drain: after a send() that returned false, `drain` is due once, at 0. It is never due if every send() returned true.
#[test]
fn drain_is_due_once_after_a_false_and_only_at_zero() {
    let mut ledger = ledger();
    assert!(ledger.accept(100));
    flush(&mut ledger);
    assert!(!ledger.drain_ready(), "every send() was true");

    assert!(!ledger.accept(101));
    assert!(!ledger.drain_ready());
    ledger.wrote(101, 0);
    assert!(!ledger.drain_ready(), "bufferedAmount still reads 101");
    ledger.settle();
    assert!(ledger.drain_ready());
    ledger.drained();
    assert!(!ledger.drain_ready(), "once");

    ledger.accept(1);
    flush(&mut ledger);
    assert!(!ledger.drain_ready());
}

/// R-tcp-drain: `drain` is not due while anything is buffered, even if it was sent after the false.
#[test]
fn drain_waits_for_what_was_sent_after_the_false() {
    let mut ledger = ledger();
    assert!(!ledger.accept(101));
    ledger.wrote(101, 0);
    assert!(!ledger.accept(1));
    ledger.settle();
    assert_eq!(ledger.buffered(), 1);
    assert!(!ledger.drain_ready());
    flush(&mut ledger);
    assert!(ledger.drain_ready());
}

/// R-tcp-full: a send() made while bufferedAmount is 0 is always accepted, and so is an empty one; any other that passes the limit
/// is not.
#[test]
fn the_limit_stops_a_second_send_and_never_the_first() {
    let mut ledger = ledger();
    assert!(!ledger.overflows(u64::from(LIMIT) * 10));
    ledger.accept(u64::from(LIMIT));
    assert!(!ledger.overflows(0));
    assert!(ledger.overflows(1));
    flush(&mut ledger);
    assert!(!ledger.overflows(u64::from(LIMIT) + 1));
    ledger.accept(1);
    assert!(!ledger.overflows(u64::from(LIMIT) - 1));
    assert!(ledger.overflows(u64::from(LIMIT)));
}

/// R-tcp-full: a Blob's bytes do not count against the limit while they wait to be written.
#[test]
fn waiting_blob_bytes_do_not_count_against_the_limit() {
    let mut ledger = ledger();
    ledger.accept_blob(1_000_000);
    assert!(!ledger.overflows(u64::from(LIMIT)));
    ledger.accept(u64::from(LIMIT));
    assert!(ledger.overflows(1));
}

/// R-tcp-full: a Blob's bytes do not count against the limit either between being written and being settled.
#[test]
fn written_blob_bytes_do_not_count_against_the_limit() {
    let mut ledger = ledger();
    ledger.accept_blob(5000);
    ledger.wrote(5000, 5000);
    assert!(!ledger.overflows(1), "bufferedAmount is {} and all of it a Blob's", ledger.buffered());
}

#[test]
fn random_operations_keep_the_sums() {
    for seed in 1..=2000 {
        random_operations(&mut Random::new(seed), seed);
    }
}
