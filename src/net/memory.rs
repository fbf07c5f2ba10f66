//! Allocations whose size comes from a program or from a peer. If there is not enough memory, they return an error and do not end the
//! process.

use std::collections::VecDeque;

/// There is no memory for this many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no memory for {bytes} bytes")]
pub struct NoMemory {
    /// How many bytes were asked for.
    pub bytes: usize,
}

impl NoMemory {
    /// Makes the error for `count` elements of type `T`.
    fn of<T>(count: usize) -> impl FnOnce(std::collections::TryReserveError) -> Self {
        move |_| Self { bytes: count.saturating_mul(size_of::<T>()) }
    }
}

/// An empty vector with room for `count` elements.
pub fn vec<T>(count: usize) -> Result<Vec<T>, NoMemory> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(count).map_err(NoMemory::of::<T>(count))?;
    Ok(vec)
}

/// `length` zeros.
pub fn zeros(length: usize) -> Result<Vec<u8>, NoMemory> {
    let mut zeros = vec(length)?;
    zeros.resize(length, 0);
    Ok(zeros)
}

/// A copy of `bytes`.
pub fn copy(bytes: &[u8]) -> Result<Vec<u8>, NoMemory> {
    let mut copy = vec(bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// Appends `bytes` to a vector.
pub fn append(to: &mut Vec<u8>, bytes: &[u8]) -> Result<(), NoMemory> {
    to.try_reserve(bytes.len()).map_err(NoMemory::of::<u8>(bytes.len()))?;
    to.extend_from_slice(bytes);
    Ok(())
}

/// Makes the vector's capacity at least `length` bytes.
pub fn reserve(to: &mut Vec<u8>, length: usize) -> Result<(), NoMemory> {
    to.try_reserve(length.saturating_sub(to.len())).map_err(NoMemory::of::<u8>(length))
}

/// Reserves memory for one more element.
pub fn room_for_one<T>(queue: &mut VecDeque<T>) -> Result<(), NoMemory> {
    queue.try_reserve(1).map_err(NoMemory::of::<T>(queue.len() + 1))
}

/// Whether `bytes` bytes can be allocated now. It is called before work whose own allocations cannot return an error.
pub fn check(bytes: usize) -> Result<(), NoMemory> {
    vec::<u8>(bytes).map(drop)
}

/// The text of UTF-8 `bytes`. Invalid sequences become U+FFFD.
pub fn text(bytes: Vec<u8>) -> Result<String, NoMemory> {
    let error = match String::from_utf8(bytes) {
        Ok(text) => return Ok(text),
        Err(error) => error,
    };
    // U+FFFD has three bytes, and each invalid sequence has at least one.
    let most = error.as_bytes().len().saturating_mul(3);
    let mut text = String::new();
    text.try_reserve_exact(most).map_err(NoMemory::of::<u8>(most))?;
    for chunk in error.as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More bytes than any address space has.
    const TOO_MUCH: usize = isize::MAX as usize - 1024;

    #[test]
    fn an_allocation_that_is_too_large_is_an_error() {
        assert_eq!(vec::<u8>(TOO_MUCH), Err(NoMemory { bytes: TOO_MUCH }));
        assert_eq!(vec::<u64>(usize::MAX), Err(NoMemory { bytes: usize::MAX }));
        assert_eq!(check(TOO_MUCH), Err(NoMemory { bytes: TOO_MUCH }));
        assert_eq!(check(1024), Ok(()));
    }

    #[test]
    fn copies_are_copies() {
        let mut bytes = copy(b"one").unwrap();
        append(&mut bytes, b" two").unwrap();
        assert_eq!(bytes, b"one two");
        assert!(bytes.capacity() >= 7);
        let mut queue: VecDeque<u8> = VecDeque::new();
        room_for_one(&mut queue).unwrap();
        assert!(queue.capacity() > 0);
    }

    #[test]
    fn text_is_the_same_as_from_utf8_lossy() {
        for bytes in [&b"plain"[..], b"\xff\xfe", "\u{e4}\u{1f600}".as_bytes(), b"a\xe4b\xf0\x9f", b""] {
            assert_eq!(text(bytes.to_vec()).unwrap(), String::from_utf8_lossy(bytes));
        }
    }
}
