//! A small random generator for tests. The same seed gives the same numbers on every system.

/// The generator xorshift64*. The field is its state, which is never 0.
pub struct Random(u64);

impl Random {
    /// Makes a generator. Consecutive seeds give very different sequences.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next 64 bits.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number from 0 to `end` - 1; 0 where `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end.max(1)
    }

    /// True in `percent` of 100 calls, on average.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}
