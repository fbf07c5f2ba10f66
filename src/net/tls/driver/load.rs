//! Whether a connection moves much, which decides where its driver runs if both places are allowed ([`Place::Both`](super::super::Place)).

/// The driver has moved much if it has moved so many bytes in one go.
const MUCH: usize = 64 * 1024;
/// The driver has moved little if it has moved fewer bytes in one go. In a task that keeps up with a fast peer, many goes of a bulk transfer
/// lie between the two values.
const LITTLE: usize = 16 * 1024;
/// The value of `Load::level` at which a connection is in bulk, and the most that it can be.
const BULK: u8 = 16;
/// By how much `level` rises when the driver has moved much. So four times make bulk.
const STEP: u8 = 4;

/// How much a connection moves.
#[derive(Default)]
pub struct Load {
    /// Rises by [`STEP`] with each go that moves much, and falls by 1 with each that moves little.
    level: u8,
    /// How many bytes were moved in this go.
    moved: usize,
}

impl Load {
    /// Bytes were received or encrypted.
    pub fn add(&mut self, bytes: usize) {
        self.moved += bytes;
    }

    /// One go of the driver is over.
    pub fn count(&mut self) {
        match std::mem::take(&mut self.moved) {
            0 => {}
            MUCH.. => self.level = (self.level + STEP).min(BULK),
            LITTLE.. => {}
            _ => self.level = self.level.saturating_sub(1),
        }
    }

    /// Whether the connection is in bulk: the driver is better in a task.
    pub fn is_bulk(&self) -> bool {
        self.level == BULK
    }

    /// Whether the connection moves little: the driver is better in the turn.
    pub fn is_small(&self) -> bool {
        self.level == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes(load: &mut Load, count: usize, bytes: usize) {
        for _ in 0..count {
            load.add(bytes / 2);
            load.add(bytes - bytes / 2);
            load.count();
        }
    }

    #[test]
    fn bulk_begins_after_four_large_goes_and_ends_after_sixteen_small_ones() {
        let mut load = Load::default();
        assert!(load.is_small() && !load.is_bulk());
        goes(&mut load, 100, MUCH - 1);
        assert!(load.is_small());
        goes(&mut load, 3, MUCH);
        assert!(!load.is_small() && !load.is_bulk());
        goes(&mut load, 1, 4 * MUCH);
        assert!(load.is_bulk());
        goes(&mut load, 100, 0);
        goes(&mut load, 100, LITTLE);
        assert!(load.is_bulk(), "a go that moves nothing says nothing, and neither does one between the two values");
        goes(&mut load, 15, LITTLE - 1);
        assert!(!load.is_small() && !load.is_bulk());
        goes(&mut load, 1, 1);
        assert!(load.is_small());
    }
}
