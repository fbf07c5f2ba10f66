//! Direct reads: the stream has memory for the bytes, so the system writes them there, and nothing is allocated or copied.
//!
//! The socket's step reports that there are bytes ([`StreamSocket::offer`]), and the stream calls [`StreamSocket::read_into`] at once. If it
//! does not, the bytes stay in the system. What was read before (returned bytes, filled blocks) comes first, as messages.

use super::StreamSocket;
use crate::net::Id;
use crate::net::context::Context;
use crate::net::event::EventKind;
use crate::net::sizes::READ_SIZE;
use crate::net::step::Step;
use crate::proto::Intake;

/// The most bytes of one read. With 256 KiB and more, a megabyte from one connection costs a seventh more (docs/performance.md).
const DIRECT_READ: usize = 128 * 1024;

impl StreamSocket {
    /// Whether the stream reads directly, and not by messages.
    pub(super) fn reads_directly(&self) -> bool {
        self.machine.reads_directly() && self.receiving.frames.is_none()
    }

    /// Reports that there are bytes, once. Ends the socket's part in this turn if it has read its share.
    pub(super) fn offer(&mut self, context: &Context) -> Step {
        if !self.may_read_on(context) {
            return Step::Idle;
        }
        self.machine.set_intake(Intake::Held);
        Step::Event(EventKind::Readable)
    }

    /// Whether the socket may read in this turn. Each socket may read once. It reads on if its bytes come in bulk.
    fn may_read_on(&self, context: &Context) -> bool {
        self.receiving.blocks_filled == 0 || self.receiving.is_bulk && context.direct_budget.has_room()
    }

    /// Reads into `memory`, until it is full or there are no more bytes, and reports bytes again when there are more. Returns how many bytes
    /// were read. 0: there are none now, or other bytes come first, or the connection has ended, which events report.
    pub fn read_into(&mut self, memory: &mut [u8], id: Id, context: &mut Context) -> usize {
        self.machine.set_intake(Intake::Direct);
        self.schedule(id, context);
        let mut total = 0;
        if !self.reads_directly() || self.receiving.has_held() {
            return total;
        }
        while total < memory.len() && self.may_read() && self.transport.is_readable() && self.may_read_on(context) {
            let end = memory.len().min(total + DIRECT_READ);
            let read = self.transport.read(&mut memory[total..end], &mut context.pending_wakes);
            let Ok(len) = self.after_read(read) else { break };
            self.receiving.blocks_filled += len.div_ceil(READ_SIZE);
            self.receiving.delivered += len as u64;
            context.direct_budget.spend(len);
            total += len;
            if total < end {
                break;
            }
        }
        total
    }
}
