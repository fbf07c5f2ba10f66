//! The option `framing`: each frame that has come becomes one message (R-framing). Unfinished frames wait here.

use std::sync::Arc;

use super::StreamSocket;
use super::receive::Reading;
use crate::net::context::Context;
use crate::net::event::{EventKind, Payload};
use crate::net::memory::{self, NoMemory};
use crate::net::sizes::READ_SIZE;
use crate::net::step::Step;
use crate::net::{Id, SocketError};
use crate::proto::{Frame, FrameFault, Framing};

/// The most frames that one socket emits in a turn. The others wait for the next turn, so that very small frames do not hold up other sockets.
const FRAMES: usize = 256;

/// Received bytes that are not delivered yet.
pub(super) struct Frames {
    /// The option.
    framing: Arc<Framing>,
    /// The bytes. Those before `start` were delivered.
    bytes: Vec<u8>,
    /// Where the first frame begins.
    start: usize,
    /// How many bytes of the first frame were searched for the delimiter.
    searched: usize,
    /// The first frame, if it is complete.
    first: Option<Frame>,
    /// Why the bytes from `start` on are no frame. `None`: they may become one.
    fault: Option<FrameFault>,
    /// How many more frames this turn may emit.
    budget: usize,
}

impl Frames {
    pub fn new(framing: Arc<Framing>) -> Self {
        Self { framing, bytes: Vec::new(), start: 0, searched: 0, first: None, fault: None, budget: FRAMES }
    }

    /// Whether a complete frame waits, or a fault is to be reported.
    pub fn is_ready(&self) -> bool {
        self.first.is_some() || self.fault.is_some()
    }

    /// Whether bytes of a frame wait, complete or not.
    pub fn has_bytes(&self) -> bool {
        self.start < self.bytes.len()
    }

    /// The bytes that wait.
    pub fn waiting(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// A new turn begins for this socket.
    pub fn renew(&mut self) {
        self.budget = FRAMES;
    }

    /// Drops the bytes.
    pub fn clear(&mut self) {
        *self = Self::new(Arc::clone(&self.framing));
    }

    /// Adds bytes that were read.
    fn push(&mut self, bytes: &[u8]) -> Result<(), NoMemory> {
        self.bytes.drain(..self.start);
        self.start = 0;
        memory::append(&mut self.bytes, bytes)?;
        self.look();
        Ok(())
    }

    /// Looks for the first frame.
    fn look(&mut self) {
        match self.framing.first(&self.bytes[self.start..], &mut self.searched) {
            Ok(first) => self.first = first,
            Err(fault) => self.fault = Some(fault),
        }
    }

    /// Removes the first frame, and looks for the next one.
    fn advance(&mut self, frame: Frame) {
        self.first = None;
        self.start += frame.next;
        if self.start == self.bytes.len() {
            self.start = 0;
            if self.bytes.capacity() > READ_SIZE {
                self.bytes = Vec::new();
            } else {
                self.bytes.clear();
            }
        } else {
            self.look();
        }
    }
}

impl StreamSocket {
    /// Adds bytes that lie at the start of the read buffer. If they complete no frame, this socket's part of the turn ends.
    pub(super) fn frame(&mut self, len: usize, context: &mut Context) -> Reading {
        let Some(frames) = &mut self.receiving.frames else { return Reading::Nothing };
        if let Err(error) = frames.push(&context.buffer[..len]) {
            self.give_up(error.into());
            return Reading::Changed;
        }
        if frames.is_ready() { Reading::Changed } else { Reading::Nothing }
    }

    /// The next frame as a message. `None`: no frame is complete.
    pub(super) fn next_frame(&mut self, context: &mut Context) -> Option<Step> {
        let frames = self.receiving.frames.as_mut()?;
        let frame = frames.first?;
        let bytes = &frames.waiting()[frame.start..frame.end];
        let len = bytes.len();
        let payload = if len <= READ_SIZE {
            context.buffer[..len].copy_from_slice(bytes);
            Payload::ReadBuffer { start: 0, len }
        } else {
            match memory::copy(bytes) {
                Ok(copy) => context.held = copy,
                Err(error) => {
                    frames.clear();
                    self.give_up(error.into());
                    return None;
                }
            }
            Payload::Held
        };
        frames.advance(frame);
        frames.budget -= 1;
        let goes_on = frames.budget > 0;
        self.receiving.delivered += len as u64;
        let message = EventKind::Message(payload);
        Some(if goes_on { Step::Event(message) } else { Step::Read(message) })
    }

    /// Ends the connection with an error if the next bytes are no frame. Returns true in this case.
    pub(super) fn take_frame_fault(&mut self, id: Id, context: &mut Context) -> bool {
        let Some(frames) = &mut self.receiving.frames else { return false };
        let Some(fault) = frames.fault.take() else { return false };
        let limit = frames.framing.limit;
        frames.clear();
        self.cut(SocketError::Frame { address: self.remote.clone(), fault, limit }, id, context);
        true
    }

    /// The peer has ended. Returns false, and loses the connection, if it has done so within a frame.
    pub(super) fn end_frames(&mut self) -> bool {
        if self.receiving.frames.as_ref().is_none_or(|frames| !frames.has_bytes()) {
            return true;
        }
        self.machine.lost(SocketError::EndInFrame { address: self.remote.clone() });
        false
    }
}
