//! The handshakes of a server: unfinished ones, the questions for certificates that these wait for, and finished ones whose `connect` event
//! is not emitted yet.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use slab::Slab;

use super::answer::Answer;
use super::certificates::Chosen;
use super::connection::Info;
use super::error::TlsError;
use super::fault::Fault;
use super::options::GivenCertificate;
use super::questions::Questions;
use super::server_context::ServerContext;
use super::session::Session;
use super::shared_session::Target;
use super::start::{Role, start};
use crate::net::accepted::Accepted;
use crate::net::context::Context;
use crate::net::deadline::{LimitKind, TimeLimit};
use crate::net::send_queue::Pool;
use crate::net::stream_handle::PolledStream;
use crate::net::{Id, SocketError};

/// A client whose handshake is done.
pub struct AcceptedTls {
    /// The connection, with its session.
    pub connection: Accepted<Session>,
    /// What the handshake has agreed on.
    pub info: Box<Info>,
    /// How the connection has failed between its handshake and its `connect` event. `None`: it has not failed.
    pub fault: Option<Fault>,
}

/// An unfinished handshake.
struct UnderWay {
    /// The connection, with its session.
    connection: Accepted<Session>,
    /// The value of `HandshakeQueue::contexts` when the handshake got its context.
    context: u32,
    /// The number of the question whose answer the handshake waits for. `None`: it waits for none.
    question: Option<u32>,
}

/// What a TLS server needs in addition to its listening socket.
pub struct HandshakeQueue {
    /// The certificates and options of the handshakes that begin from now on.
    context: ServerContext,
    /// How many contexts there were before this one.
    contexts: u32,
    /// The option handshakeTimeout. `None`: no limit.
    timeout: Option<Duration>,
    /// The unfinished handshakes. The index of each is its number.
    under_way: Slab<UnderWay>,
    /// The questions for certificates, if the options have `certificateFor`.
    questions: Questions,
    /// The numbers of the handshakes that are done, have failed or have a question. Their drivers add them.
    done: Arc<Mutex<Vec<usize>>>,
    /// The clients whose `connect` event is not emitted yet, in order.
    accepted: VecDeque<AcceptedTls>,
    /// The errors of failed handshakes that are not emitted yet, in order.
    failures: VecDeque<SocketError>,
}

impl HandshakeQueue {
    /// A queue without clients.
    pub fn new(context: ServerContext, timeout: Option<Duration>) -> Self {
        Self {
            context,
            contexts: 0,
            timeout,
            under_way: Slab::new(),
            questions: Questions::default(),
            done: Arc::default(),
            accepted: VecDeque::new(),
            failures: VecDeque::new(),
        }
    }

    /// setSecureContext(): sets the context of the handshakes that begin from now on, and of those that wait for a certificate. (Nothing was
    /// sent in them yet.) The certificates that are kept go with the old context.
    pub fn set_context(&mut self, context: ServerContext) {
        self.context = context;
        self.contexts = self.contexts.wrapping_add(1);
        self.questions.clear();
        for (_, handshake) in &mut self.under_way {
            if handshake.question.take().is_some() {
                handshake.context = self.contexts;
                handshake.connection.stream.answer(Answer::Replaced(self.context.clone()));
            }
        }
    }

    /// Begins a handshake with a client that the server `id` has accepted. If it cannot begin, the error is queued.
    pub fn begin(&mut self, client: Accepted<PolledStream>, id: Id, context: &mut Context) {
        if let Err(error) = self.try_begin(client, id, context) {
            self.failures.push_back(error);
        }
    }

    fn try_begin(&mut self, client: Accepted<PolledStream>, id: Id, context: &mut Context) -> Result<(), SocketError> {
        let limit = self.timeout.map(|timeout| TimeLimit {
            at: Instant::now() + timeout,
            milliseconds: timeout.as_millis(),
            kind: LimitKind::Handshake,
        });
        let batcher = context.wake_batcher()?;
        let entry = self.under_way.vacant_entry();
        let target =
            Target::Server { id, batcher: Arc::clone(&batcher), done: Arc::clone(&self.done), number: entry.key() };
        let role = Role::Server(self.context.clone());
        let remote = client.remote.clone();
        let connection = client.try_map(|stream| start(stream, &role, remote, Vec::new(), limit, target, &batcher))?;
        entry.insert(UnderWay { connection, context: self.contexts, question: None });
        Ok(())
    }

    /// Collects the handshakes that are done, have failed or have a question. Returns whether there is anything to emit.
    pub fn collect(&mut self, pool: &mut Pool) -> bool {
        let done = std::mem::take(&mut *self.done.lock().unwrap_or_else(PoisonError::into_inner));
        for number in done {
            let Some(handshake) = self.under_way.get_mut(number) else { continue };
            let news = handshake.connection.stream.news(pool);
            if news.info.is_none() && news.fault.is_none() {
                if let Some(name) = news.question {
                    self.ask(number, name);
                }
                continue;
            }
            let UnderWay { connection, question, .. } = self.under_way.remove(number);
            if let Some(question) = question {
                self.questions.leave(question, number);
            }
            match (news.info, news.fault) {
                (Some(info), fault) => self.accepted.push_back(AcceptedTls { connection, info, fault }),
                (None, Some(fault)) => self.failures.push_back(fault.into_error()),
                (None, None) => {}
            }
        }
        !self.accepted.is_empty() || !self.failures.is_empty() || self.questions.has_unasked()
    }

    /// The handshake `number` needs a certificate for `name`.
    fn ask(&mut self, number: usize, name: String) {
        let handshake = &mut self.under_way[number];
        if handshake.context != self.contexts {
            handshake.context = self.contexts;
            handshake.connection.stream.answer(Answer::Replaced(self.context.clone()));
        } else if let Some(key) = self.context.kept.as_ref().and_then(|kept| kept.find(&name)) {
            // The answer has come since the handshake looked for it.
            handshake.connection.stream.answer(Answer::Chosen(Some(Chosen::Certificate(key))));
        } else {
            handshake.question = Some(self.questions.join(name, number));
        }
    }

    /// Takes the next question for JavaScript: its number and the name.
    pub fn take_question(&mut self) -> Option<(u32, String)> {
        self.questions.next()
    }

    /// Whether any question waits to be emitted.
    pub fn has_questions(&self) -> bool {
        self.questions.has_unasked()
    }

    /// `certificateFor` has answered. `None`: the handshakes use the server's own certificate. It is an error if the certificate cannot be
    /// used. Then the question stays open.
    pub fn answer(&mut self, number: u32, given: Option<&GivenCertificate>) -> Result<(), SocketError> {
        if self.questions.get(number).is_none() {
            return Ok(());
        }
        let key = given.map(|given| given.certified()).transpose()?;
        let Some(question) = self.questions.take(number) else { return Ok(()) };
        for handshake in question.handshakes {
            if let Some(handshake) = self.under_way.get_mut(handshake) {
                handshake.question = None;
                let chosen = key.clone().map(Chosen::Certificate);
                handshake.connection.stream.answer(Answer::Chosen(chosen));
            }
        }
        if let (Some(kept), Some(key), Some(given)) = (&self.context.kept, key, given) {
            kept.keep(question.name, key, given.ttl);
        }
        Ok(())
    }

    /// `certificateFor` has failed for this `reason`. The handshakes that wait for its answer fail, too. Returns how many these are. Each
    /// causes an error that has the number of the question.
    pub fn refuse(&mut self, number: u32, reason: &str) -> u32 {
        let Some(question) = self.questions.take(number) else { return 0 };
        let before = self.failures.len();
        for handshake in question.handshakes {
            let Some(UnderWay { connection, .. }) = self.under_way.try_remove(handshake) else { continue };
            let error = TlsError::no_answer(number, reason);
            // The driver sends the peer an alert, and then ends, since its session is dropped.
            connection.stream.answer(Answer::Chosen(Some(Chosen::Refused(error.clone()))));
            self.failures.push_back(SocketError::Tls { error, address: Some(connection.remote) });
        }
        (self.failures.len() - before) as u32
    }

    /// Takes the error of a handshake that failed.
    pub fn take_failure(&mut self) -> Option<SocketError> {
        self.failures.pop_front()
    }

    /// Takes a client whose `connect` event is to be emitted.
    pub fn take_accepted(&mut self) -> Option<AcceptedTls> {
        self.accepted.pop_front()
    }

    /// Whether any client waits for its `connect` event.
    pub fn has_accepted(&self) -> bool {
        !self.accepted.is_empty()
    }

    /// Whether any error of a handshake waits to be emitted.
    pub fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Resets unfinished handshakes and drops their questions, because the server is closed (R-srv-close).
    pub fn reset_unfinished(&mut self) {
        self.questions.clear();
        for handshake in self.under_way.drain() {
            handshake.connection.stream.reset();
        }
    }

    /// Drops the errors of failed handshakes, because a closed server reports none.
    pub fn drop_failures(&mut self) {
        self.failures.clear();
    }

    /// Whether no handshake is under way and no client waits for its `connect` event.
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty() && self.accepted.is_empty()
    }

    /// Resets the clients that wait for their `connect` event, because no listener is left for them.
    pub fn reset_accepted(&mut self) {
        for accepted in self.accepted.drain(..) {
            accepted.connection.stream.reset();
        }
    }
}
