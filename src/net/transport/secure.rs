//! A TLS connection as the JavaScript thread sees it: the session, the stage of the handshake, and whether close_notify and FIN were requested
//! and sent.

use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::time::Instant;

use socket2::SockRef;
use tokio::sync::Notify;

use super::readiness::Readiness;
use super::stream::with_slices;
use super::{Discarded, Finish, Handshake, PeerProgress, TlsNews, WriteReport};
use crate::net::Id;
use crate::net::blocks::Block;
use crate::net::context::Context;
use crate::net::send_queue::SendQueue;
use crate::net::tls::{Answer, DrivenIn, Session, Waiting};

/// A TLS connection.
pub struct Secure {
    /// The session. It has the driver, or shares its state with it, and the driver moves the connection.
    session: Session,
    /// The stage of the handshake.
    stage: Stage,
    /// True once the session was asked to send close_notify and FIN.
    finishing: bool,
    /// True once the report that close_notify and FIN are on their way was passed on.
    finished: bool,
}

/// The stage of the handshake. Bytes that are sent before it is done wait in the socket's queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Under way, as part of the connection attempt.
    Connecting,
    /// Under way, by startTls().
    Upgrading,
    /// Done.
    Established,
}

impl Secure {
    /// A connection whose handshake has begun. `is_upgrade`: startTls() asked for it.
    pub fn handshaking(session: Session, is_upgrade: bool) -> Self {
        let stage = if is_upgrade { Stage::Upgrading } else { Stage::Connecting };
        Self { session, stage, finishing: false, finished: false }
    }

    /// A connection whose handshake is done.
    pub fn established(session: Session) -> Self {
        Self { session, stage: Stage::Established, finishing: false, finished: false }
    }

    /// Takes a report of the poll set about the driver's socket, if the driver is on this thread.
    pub fn on_ready(&mut self, event: &mio::event::Event, readiness: &mut Readiness) {
        readiness.readable |= self.session.on_ready(event);
    }

    /// Whether the driver's report is to be taken, because of what has happened on this thread. `is_reading`: the socket reads anyway.
    pub fn has_news(&self, is_reading: bool) -> bool {
        self.session.has_news(is_reading)
    }

    /// Lets the driver work if it is on this thread, and takes its report. `is_reading`: the socket reads, so the driver does not.
    pub fn news(&mut self, is_reading: bool, readiness: &mut Readiness, id: Id, context: &mut Context) -> TlsNews {
        let news = self.session.work_and_news(!is_reading, id, &context.registry, &mut context.pool);
        let handshake = news.info.map(|info| {
            let before = std::mem::replace(&mut self.stage, Stage::Established);
            Handshake { info, is_upgrade: before == Stage::Upgrading }
        });
        // No bytes are given to the session before the handshake is done.
        readiness.writable |= news.has_room && self.stage == Stage::Established;
        readiness.readable = news.readable;
        let fin_sent = news.finished && !std::mem::replace(&mut self.finished, true);
        TlsNews { written: news.written, handshake, fin_sent, fault: news.fault, question: news.question }
    }

    /// From now on [`Self::next_move`] reports where the driver goes. Returns where it is. `None`: there is no driver any more.
    pub fn watch_moves(&mut self) -> Option<DrivenIn> {
        self.session.watch_moves()
    }

    /// Where the driver has gone next. `None`: it has not moved, or nobody watches.
    pub fn next_move(&mut self) -> Option<DrivenIn> {
        self.session.next_move()
    }

    /// Answers the handshake's question for a certificate.
    pub fn answer(&self, answer: Answer) {
        self.session.answer(answer);
    }

    /// Returns whether the next read would return the peer's end.
    pub fn is_at_end(&self) -> bool {
        self.session.waiting() == Waiting::End
    }

    pub fn read(
        &mut self,
        buffer: &mut [u8],
        readiness: &mut Readiness,
        pending_wakes: &mut Vec<Arc<Notify>>,
    ) -> io::Result<usize> {
        let read = self.session.read(&mut [IoSliceMut::new(buffer)]);
        self.after_read(read, readiness, pending_wakes)
    }

    /// Whether a read can fill a block of `size` bytes, as far as is known.
    pub fn fills_block(&self, size: usize) -> bool {
        self.session.fills(size)
    }

    pub fn read_blocks(
        &mut self,
        blocks: &mut [Block],
        readiness: &mut Readiness,
        pending_wakes: &mut Vec<Arc<Notify>>,
    ) -> io::Result<usize> {
        // A block that is not full is copied, so the rest waits for the bytes that follow, or goes into a smaller buffer.
        let size = blocks.first().map_or(1, |block| block.memory().1);
        let count = self.session.most_filled(size).min(blocks.len());
        let read = with_slices(&mut blocks[..count], |slices, _| self.session.read(slices));
        self.after_read(read, readiness, pending_wakes)
    }

    fn after_read(
        &mut self,
        read: io::Result<usize>,
        readiness: &mut Readiness,
        pending_wakes: &mut Vec<Arc<Notify>>,
    ) -> io::Result<usize> {
        readiness.readable =
            matches!(read, Ok(1..)) && self.session.waiting() != Waiting::Nothing || self.session.can_read();
        self.session.wake_reader(pending_wakes);
        read
    }

    pub fn discard(&mut self, readiness: &mut Readiness, pending_wakes: &mut Vec<Arc<Notify>>) -> Discarded {
        let waiting = self.session.discard();
        self.session.wake_reader(pending_wakes);
        readiness.readable = self.session.can_read();
        Discarded {
            any: matches!(waiting, Waiting::Bytes | Waiting::BytesAndEnd),
            end: matches!(waiting, Waiting::End | Waiting::BytesAndEnd).then_some(Ok(())),
        }
    }

    /// Gives the queued bytes to the session. A driver in a task reports later which bytes the system has taken.
    pub fn write(&mut self, queue: &mut SendQueue, readiness: &mut Readiness, context: &mut Context) -> WriteReport {
        let mut report = WriteReport::default();
        if readiness.writable && queue.is_ready() {
            let Context { pool, pending_wakes, .. } = context;
            (report.written, readiness.writable) = self.session.write(queue, pool, pending_wakes);
        }
        report
    }

    /// Sends close_notify, then FIN.
    pub fn finish(&mut self) -> Finish {
        if !std::mem::replace(&mut self.finishing, true) && self.session.finish() {
            self.finished = true;
            return Finish::Sent;
        }
        Finish::UnderWay
    }

    pub fn give_up_handshake(&self) {
        self.session.give_up();
    }

    pub fn progress(&self, waits_for_room: bool) -> PeerProgress {
        let waits = waits_for_room || self.session.is_busy();
        let progress = PeerProgress::new(self.session.sent(), self.session.unacknowledged(), waits);
        // During the handshake, bytes that were sent wait until the peer has done its part of the handshake.
        PeerProgress { peer_owes: progress.peer_owes || self.stage != Stage::Established, ..progress }
    }

    /// When bytes last came or went.
    pub fn last_activity(&self) -> Instant {
        self.session.last_activity()
    }

    /// Runs `f` on the system's socket. `None`: the connection is lost, and there is none.
    pub fn with_socket<T>(&self, f: impl FnOnce(SockRef<'_>) -> T) -> Option<T> {
        self.session.with_socket(f)
    }

    pub fn reset_at_end(&self) {
        self.session.reset_at_end();
    }

    pub fn reset(self) {
        self.session.reset();
    }

    pub fn flush_on_exit(&self) {
        self.session.flush_on_exit();
    }

    /// The process ends: bytes that a driver on this thread could not write go to a task.
    pub fn write_in_task(&mut self) {
        self.session.write_in_task();
    }

    /// Whether the session has bytes that the system has not taken yet.
    pub fn is_writing(&self) -> bool {
        self.session.is_busy()
    }
}
