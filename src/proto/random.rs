//! Choices for tests that do random operations: from a seed, or from the bytes that a fuzzer gives.

/// A source of choices.
pub enum Random<'a> {
    /// The generator xorshift64*. The field is its state, which is never 0. The same seed gives the same numbers on every system.
    Seeded(u64),
    /// Given bytes. Each choice takes some of them.
    Given(&'a [u8]),
}

impl<'a> Random<'a> {
    /// A generator. Consecutive seeds give very different sequences.
    pub fn new(seed: u64) -> Self {
        Self::Seeded(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Choices from these bytes. Once they are used up, each choice is 0.
    pub fn given(bytes: &'a [u8]) -> Self {
        Self::Given(bytes)
    }

    /// Whether all given bytes are used up. A generator never is.
    pub fn is_used_up(&self) -> bool {
        matches!(self, Self::Given([]))
    }

    /// A number from 0 to `end` - 1; 0 where `end` is 0. It takes as many given bytes as `end` - 1 has, so that a small change of the bytes is
    /// a small change of the choices.
    pub fn below(&mut self, end: u64) -> u64 {
        let end = end.max(1);
        match self {
            Self::Seeded(state) => {
                *state ^= *state >> 12;
                *state ^= *state << 25;
                *state ^= *state >> 27;
                (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % end
            }
            Self::Given(bytes) => {
                let size = 8 - (end - 1).leading_zeros() as usize / 8;
                let (taken, rest) = bytes.split_at(size.min(bytes.len()));
                *bytes = rest;
                taken.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)) % end
            }
        }
    }

    /// True in `percent` of 100 calls, on average.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// At most `most` of the given bytes, as they are. A generator returns none.
    pub fn take(&mut self, most: usize) -> &'a [u8] {
        match self {
            Self::Seeded(_) => &[],
            Self::Given(bytes) => {
                let (taken, rest) = bytes.split_at(most.min(bytes.len()));
                *bytes = rest;
                taken
            }
        }
    }
}
