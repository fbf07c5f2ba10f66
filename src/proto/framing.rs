//! Finds the frames in received bytes (R-framing). It keeps no bytes: `net/stream_socket/framing.rs` does.

use memchr::memmem;

/// How the end of a frame is found in a stream of bytes (R-framing).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// These bytes follow each frame. They are not empty.
    Delimiter(Box<[u8]>),
    /// The length of each frame comes before it.
    Prefix {
        /// How many bytes the length has: 1 to 4.
        size: usize,
        /// True: the least significant byte comes first.
        little_endian: bool,
        /// True: the length counts its own bytes, too.
        includes_itself: bool,
    },
}

/// The option `framing`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framing {
    /// How the end of a frame is found.
    pub boundary: Boundary,
    /// The most bytes of a frame, without delimiter and prefix.
    pub limit: usize,
}

/// The position of the first frame in a byte slice. All fields are offsets into the slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where its own bytes begin.
    pub start: usize,
    /// Where its own bytes end.
    pub end: usize,
    /// Where the next frame begins.
    pub next: usize,
}

/// Why bytes are no frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// A frame is longer than the limit. The value is its length as far as it is known, in bytes.
    TooLong(usize),
    /// A prefix that counts itself is smaller than its own size. The value is the prefix.
    Invalid(usize),
}

impl Framing {
    /// The first frame of `bytes`. `None`: it is not complete. `searched` is 0 for new bytes; this function sets it, so that the next call with
    /// more bytes does not search the same ones again.
    pub fn first(&self, bytes: &[u8], searched: &mut usize) -> Result<Option<Frame>, FrameFault> {
        let frame = match &self.boundary {
            Boundary::Delimiter(delimiter) => self.until(delimiter, bytes, searched)?,
            &Boundary::Prefix { size, little_endian, includes_itself } => {
                self.prefixed(size, little_endian, includes_itself, bytes)?
            }
        };
        if frame.is_some() {
            *searched = 0;
        }
        Ok(frame)
    }

    fn until(&self, delimiter: &[u8], bytes: &[u8], searched: &mut usize) -> Result<Option<Frame>, FrameFault> {
        // The delimiter of a frame that fits begins at the limit at the latest.
        let within = bytes.len().min(self.limit.saturating_add(delimiter.len()));
        match memmem::find(&bytes[*searched..within], delimiter) {
            Some(at) => {
                let end = *searched + at;
                Ok(Some(Frame { start: 0, end, next: end + delimiter.len() }))
            }
            None if within == self.limit.saturating_add(delimiter.len()) => Err(FrameFault::TooLong(bytes.len())),
            None => {
                *searched = within.saturating_sub(delimiter.len() - 1);
                Ok(None)
            }
        }
    }

    fn prefixed(
        &self,
        size: usize,
        little_endian: bool,
        includes_itself: bool,
        bytes: &[u8],
    ) -> Result<Option<Frame>, FrameFault> {
        let Some(prefix) = bytes.get(..size) else { return Ok(None) };
        let add = |value: usize, byte: &u8| value << 8 | usize::from(*byte);
        let value = if little_endian { prefix.iter().rev().fold(0, add) } else { prefix.iter().fold(0, add) };
        let length = if includes_itself { value.checked_sub(size).ok_or(FrameFault::Invalid(value))? } else { value };
        if length > self.limit {
            return Err(FrameFault::TooLong(length));
        }
        let end = size + length;
        Ok((bytes.len() >= end).then_some(Frame { start: size, end, next: end }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::random::Random;

    fn lines(limit: usize) -> Framing {
        Framing { boundary: Boundary::Delimiter(Box::from(*b"\r\n")), limit }
    }

    fn prefixed(size: usize, little_endian: bool, includes_itself: bool, limit: usize) -> Framing {
        Framing { boundary: Boundary::Prefix { size, little_endian, includes_itself }, limit }
    }

    fn first(framing: &Framing, bytes: &[u8]) -> Result<Option<Frame>, FrameFault> {
        framing.first(bytes, &mut 0)
    }

    #[test]
    fn a_delimiter_ends_a_frame() {
        assert_eq!(first(&lines(10), b"ab\r\ncd"), Ok(Some(Frame { start: 0, end: 2, next: 4 })));
        assert_eq!(first(&lines(10), b"\r\n"), Ok(Some(Frame { start: 0, end: 0, next: 2 })));
        assert_eq!(first(&lines(10), b"ab\r"), Ok(None));
    }

    #[test]
    fn the_limit_of_a_delimited_frame_counts_its_own_bytes() {
        assert_eq!(first(&lines(3), b"abc\r\n"), Ok(Some(Frame { start: 0, end: 3, next: 5 })));
        assert_eq!(first(&lines(3), b"abc\r"), Ok(None));
        assert_eq!(first(&lines(3), b"abcd\r\n"), Err(FrameFault::TooLong(6)));
        assert_eq!(first(&lines(3), b"abcde"), Err(FrameFault::TooLong(5)));
        assert_eq!(first(&lines(3), b"abcd"), Ok(None), "a byte more shows it");
    }

    #[test]
    fn a_prefix_of_each_size_and_order() {
        for size in 1..=4 {
            for little_endian in [false, true] {
                for includes_itself in [false, true] {
                    let framing = prefixed(size, little_endian, includes_itself, 100);
                    let mut bytes = vec![0; size];
                    let value = u8::try_from(3 + if includes_itself { size } else { 0 }).unwrap();
                    bytes[if little_endian { 0 } else { size - 1 }] = value;
                    assert_eq!(first(&framing, &bytes), Ok(None));
                    bytes.extend_from_slice(b"abcX");
                    let expected = Frame { start: size, end: size + 3, next: size + 3 };
                    assert_eq!(first(&framing, &bytes), Ok(Some(expected)));
                    assert_eq!(first(&framing, &bytes[..size - 1]), Ok(None));
                }
            }
        }
    }

    #[test]
    fn bad_prefixes() {
        assert_eq!(first(&prefixed(2, false, true, 9), &[0, 1]), Err(FrameFault::Invalid(1)));
        assert_eq!(first(&prefixed(2, false, true, 9), &[0, 2]), Ok(Some(Frame { start: 2, end: 2, next: 2 })));
        assert_eq!(first(&prefixed(2, false, false, 9), &[0, 10]), Err(FrameFault::TooLong(10)));
        assert_eq!(first(&prefixed(4, false, false, 9), &[255; 4]), Err(FrameFault::TooLong(0xffff_ffff)));
    }

    /// However the bytes are cut, the same frames come out.
    #[test]
    fn frames_of_random_pieces() {
        let mut random = Random::new(7);
        let mut below = |end: usize| usize::try_from(random.below(end as u64)).unwrap();
        for _ in 0..300 {
            let delimiter: Vec<u8> = (0..=below(4)).map(|_| b"ab"[below(2)]).collect();
            let framing = Framing { boundary: Boundary::Delimiter(delimiter.clone().into()), limit: 50 };
            let bytes: Vec<u8> = (0..200).map(|_| b"abc"[below(3)]).collect();
            let mut expected = Vec::new();
            let mut rest = &bytes[..];
            while let Some(at) = rest.windows(delimiter.len()).position(|window| window == delimiter) {
                if at > 50 {
                    break;
                }
                expected.push(rest[..at].to_vec());
                rest = &rest[at + delimiter.len()..];
            }
            let (mut found, mut held, mut searched) = (Vec::new(), Vec::new(), 0);
            let mut given = 0;
            'pieces: while given < bytes.len() {
                let size = (1 + below(9)).min(bytes.len() - given);
                held.extend_from_slice(&bytes[given..given + size]);
                given += size;
                loop {
                    match framing.first(&held, &mut searched) {
                        Ok(Some(frame)) => {
                            found.push(held[frame.start..frame.end].to_vec());
                            held.drain(..frame.next);
                        }
                        Ok(None) => break,
                        Err(_) => break 'pieces,
                    }
                }
            }
            assert_eq!(found, expected, "delimiter {delimiter:?}, bytes {bytes:?}");
        }
    }
}
