//! Tests of the readyState machine with random operations. The message of each failure has its seed.

use super::machine_operations::{exchange, random_operations};
use super::random::Random;

#[test]
fn random_operations_break_no_invariant() {
    for seed in 1..=8000 {
        random_operations(&mut Random::new(seed), seed);
    }
}

#[test]
fn two_machines_over_a_wire_exchange_everything_and_end() {
    for seed in 1..=3000 {
        exchange(&mut Random::new(seed), seed);
    }
}
