//! Random operations on a ledger, compared with a plain model. The choices come from a seed (the random test) or from bytes (the fuzz target).

use super::Ledger;
use super::machine_watch::{HIGH_WATER_MARK, LIMIT};
use super::random::Random;

/// The most operations of one run.
const OPERATIONS: usize = 100;

/// In any order of sends, writes and settles the account agrees with a plain model. `seed` is for failure messages.
pub fn random_operations(random: &mut Random<'_>, seed: u64) {
    let mut ledger = Ledger::new(HIGH_WATER_MARK, LIMIT);
    let (mut accepted, mut written, mut settled, mut refused) = (0u64, 0u64, 0u64, false);
    let mut blobs = 0;
    for _ in 0..OPERATIONS {
        if random.is_used_up() {
            break;
        }
        match random.below(5) {
            0 | 1 => {
                let bytes = random.below(200);
                let go_on = if random.chance(30) {
                    blobs += bytes;
                    ledger.accept_blob(bytes)
                } else {
                    ledger.accept(bytes)
                };
                accepted += bytes;
                let above = bytes > 0 && accepted - settled > u64::from(HIGH_WATER_MARK);
                assert_eq!(go_on, !above, "seed {seed}");
                refused |= above;
            }
            2 => {
                let bytes = random.below(accepted - written + 1);
                let from_blobs = bytes.min(blobs);
                blobs -= from_blobs;
                ledger.wrote(bytes, from_blobs);
                written += bytes;
            }
            3 => {
                ledger.settle();
                settled = written;
            }
            _ => {
                assert_eq!(ledger.drain_ready(), refused && accepted == settled, "seed {seed}");
                if ledger.drain_ready() {
                    ledger.drained();
                    refused = false;
                }
            }
        }
        assert_eq!(ledger.buffered(), accepted - settled, "seed {seed}");
        assert_eq!(ledger.unwritten(), accepted - written, "seed {seed}");
        assert_eq!(ledger.is_settled(), settled == written, "seed {seed}");
    }
}
