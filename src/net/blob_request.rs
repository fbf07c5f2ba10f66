//! The state of a socket's request for the bytes of a Blob. The bytes are in the socket's queue, and JavaScript reads them.

/// Whether JavaScript has been asked for the bytes of the Blob that is next in a socket's queue. A socket asks for one Blob, or for one
/// piece of it, at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlobRequest {
    /// No request is under way.
    #[default]
    None,
    /// The event that asks for the bytes is due.
    Due,
    /// The event was emitted; the bytes, or a failure, will follow.
    Emitted,
}

impl BlobRequest {
    /// The next bytes to send are those of a Blob. The event becomes due, unless a request is under way.
    pub fn make_due(&mut self) {
        if *self == Self::None {
            *self = Self::Due;
        }
    }

    /// Whether the event is due.
    pub fn is_due(self) -> bool {
        self == Self::Due
    }

    /// Returns whether the event is due. If so, the caller emits it now.
    pub fn emit(&mut self) -> bool {
        let is_due = self.is_due();
        if is_due {
            *self = Self::Emitted;
        }
        is_due
    }

    /// The bytes, or a failure, have arrived. The next request may be made.
    pub fn answer(&mut self) {
        *self = Self::None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_is_emitted_until_it_is_answered() {
        let mut request = BlobRequest::default();
        assert!(!request.emit());
        request.make_due();
        assert!(request.is_due() && request.emit());
        request.make_due();
        assert!(!request.is_due() && !request.emit(), "it was emitted");
        request.answer();
        request.make_due();
        assert!(request.emit());
    }
}
