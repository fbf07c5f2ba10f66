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
use crate::net::blocks::Block;
use crate::net::send_queue::{Pool, SendQueue};
use crate::net::tls::{Answer, Session, Waiting};

/// A TLS connection.
pub struct Secure {
    /// The session. The other end is the driver, which moves the connection.
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

    /// Takes the driver's report.
    pub fn news(&mut self, readiness: &mut Readiness, pool: &mut Pool) -> TlsNews {
        let news = self.session.news(pool);
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

    pub fn read_blocks(
        &mut self,
        blocks: &mut [Block],
        readiness: &mut Readiness,
        pending_wakes: &mut Vec<Arc<Notify>>,
    ) -> io::Result<usize> {
        let read = with_slices(blocks, |slices, _| self.session.read(slices));
        self.after_read(read, readiness, pending_wakes)
    }

    fn after_read(
        &mut self,
        read: io::Result<usize>,
        readiness: &mut Readiness,
        pending_wakes: &mut Vec<Arc<Notify>>,
    ) -> io::Result<usize> {
        readiness.readable = matches!(read, Ok(1..)) && self.session.waiting() != Waiting::Nothing;
        self.session.wake_reader(pending_wakes);
        read
    }

    pub fn discard(&mut self, readiness: &mut Readiness, pending_wakes: &mut Vec<Arc<Notify>>) -> Discarded {
        let waiting = self.session.discard();
        self.session.wake_reader(pending_wakes);
        readiness.readable = false;
        Discarded {
            any: matches!(waiting, Waiting::Bytes | Waiting::BytesAndEnd),
            end: matches!(waiting, Waiting::End | Waiting::BytesAndEnd).then_some(Ok(())),
        }
    }

    /// Gives the queued bytes to the session. The driver reports later which bytes the system has taken.
    pub fn write(
        &mut self,
        queue: &mut SendQueue,
        readiness: &mut Readiness,
        pending_wakes: &mut Vec<Arc<Notify>>,
    ) -> WriteReport {
        if readiness.writable && queue.is_ready() {
            readiness.writable = self.session.write(queue, pending_wakes);
        }
        WriteReport::default()
    }

    /// Sends close_notify, then FIN.
    pub fn finish(&mut self) -> Finish {
        if !std::mem::replace(&mut self.finishing, true) {
            self.session.finish();
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

    /// The system's socket.
    pub fn socket(&self) -> SockRef<'_> {
        self.session.socket()
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

    /// Whether the session has bytes that the system has not taken yet.
    pub fn is_writing(&self) -> bool {
        self.session.is_busy()
    }
}
