//! The questions for `certificateFor` that a server's handshakes wait for. The kept answers are in `kept_certificates.rs`.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// The number of the next question. Numbers are the process's, so an answer never reaches the question of another socket.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A number for a new question.
pub fn new_number() -> u32 {
    NEXT.fetch_add(1, Relaxed)
}

/// The questions of one server for `certificateFor`. There is one question for a name at a time, however many handshakes wait for its
/// answer. A question stays until it is answered, even if no handshake waits any more: its answer may be kept for later ones.
#[derive(Default)]
pub struct Questions {
    /// The open questions by number.
    open: HashMap<u32, Question>,
    /// The numbers of the open questions by name.
    by_name: HashMap<String, u32>,
    /// The numbers of the questions that JavaScript does not know yet, in order.
    unasked: VecDeque<u32>,
}

/// One question.
pub struct Question {
    /// The host name.
    pub name: String,
    /// The numbers of the handshakes that wait for the answer.
    pub handshakes: HashSet<usize>,
}

impl Questions {
    /// A handshake needs a certificate for `name`. Returns the number of the question whose answer it waits for.
    pub fn join(&mut self, name: String, handshake: usize) -> u32 {
        let (open, unasked) = (&mut self.open, &mut self.unasked);
        let number = *self.by_name.entry(name).or_insert_with_key(|name| {
            let number = new_number();
            open.insert(number, Question { name: name.clone(), handshakes: HashSet::new() });
            unasked.push_back(number);
            number
        });
        if let Some(question) = open.get_mut(&number) {
            question.handshakes.insert(handshake);
        }
        number
    }

    /// A handshake does not wait any more. A question that JavaScript does not know yet, and for which nobody waits, is dropped.
    pub fn leave(&mut self, number: u32, handshake: usize) {
        let Some(question) = self.open.get_mut(&number) else { return };
        question.handshakes.remove(&handshake);
        if question.handshakes.is_empty() && self.unasked.contains(&number) {
            self.unasked.retain(|&other| other != number);
            self.take(number);
        }
    }

    /// Whether there is a question that JavaScript does not know yet.
    pub fn has_unasked(&self) -> bool {
        !self.unasked.is_empty()
    }

    /// The next question that JavaScript does not know yet: its number and the name. From now on JavaScript knows it.
    pub fn next(&mut self) -> Option<(u32, String)> {
        let number = self.unasked.pop_front()?;
        self.open.get(&number).map(|question| (number, question.name.clone()))
    }

    /// An open question. `None`: it is answered, or was dropped.
    pub fn get(&self, number: u32) -> Option<&Question> {
        self.open.get(&number)
    }

    /// Ends a question, which has its answer.
    pub fn take(&mut self, number: u32) -> Option<Question> {
        let question = self.open.remove(&number)?;
        self.by_name.remove(&question.name);
        Some(question)
    }

    /// Drops all questions. Later answers to them are ignored.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_srv_secure_handshakes_for_one_name_share_a_question() {
        let mut questions = Questions::default();
        let first = questions.join("a.example".to_owned(), 1);
        assert_eq!(questions.join("a.example".to_owned(), 2), first);
        let other = questions.join("b.example".to_owned(), 3);
        assert_eq!(questions.next(), Some((first, "a.example".to_owned())));
        assert_eq!(questions.join("a.example".to_owned(), 4), first);
        assert_eq!(questions.next(), Some((other, "b.example".to_owned())));
        assert_eq!(questions.next(), None);
        assert_eq!(questions.take(first).map(|question| question.handshakes), Some(HashSet::from([1, 2, 4])));
        assert_ne!(questions.join("a.example".to_owned(), 5), first, "an answered question is over");
    }

    #[test]
    fn r_srv_secure_a_question_for_which_nobody_waits_stays_only_if_it_was_asked() {
        let mut questions = Questions::default();
        let dropped = questions.join("a.example".to_owned(), 1);
        questions.leave(dropped, 1);
        assert!(!questions.has_unasked() && questions.get(dropped).is_none());
        let asked = questions.join("a.example".to_owned(), 2);
        questions.next();
        questions.leave(asked, 2);
        assert_eq!(questions.join("a.example".to_owned(), 3), asked, "it is not asked a second time");
        assert!(!questions.has_unasked());
        questions.clear();
        assert!(questions.get(asked).is_none() && questions.take(asked).is_none());
    }
}
