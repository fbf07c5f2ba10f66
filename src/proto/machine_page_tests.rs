//! Compares the table of docs/states.md with the readyState machine: every sequence of calls and reports is tried, and each change of readyState
//! has to be a row of the table, and each row such a change.

use std::collections::{BTreeSet, HashSet, VecDeque};

use super::machine_tests::{HIGH_WATER_MARK, LIMIT, Tcp};
use super::{Event, Ledger, Machine, ReadyState, Sent};

/// The page with the table.
const PAGE: &str = include_str!("../../docs/states.md");

/// What happens to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The connection is established.
    Connected,
    /// The attempt has failed, or the connection is lost.
    Lost,
    /// The peer's FIN has arrived, or the linger time is over.
    PeerEnded,
    /// Our FIN is sent.
    FinSent,
    /// send() of more bytes than maxBufferedAmount.
    Send,
    HalfClose,
    Close,
    Reset,
    Abort,
    Relay,
    /// The other socket's peer has ended.
    ForwardEnd,
    /// The other socket has passed our peer's FIN on.
    EndForwarded,
    /// A `halfclose` listener is added.
    Listen,
    Suspend,
    Resume,
    /// The next event is emitted.
    Next,
}

const STEPS: [Step; 16] = [
    Step::Connected,
    Step::Lost,
    Step::PeerEnded,
    Step::FinSent,
    Step::Send,
    Step::HalfClose,
    Step::Close,
    Step::Reset,
    Step::Abort,
    Step::Relay,
    Step::ForwardEnd,
    Step::EndForwarded,
    Step::Listen,
    Step::Suspend,
    Step::Resume,
    Step::Next,
];

/// A row of the table: the event, the state before it, and the state after it.
type Row = (String, &'static str, &'static str);

/// The name of a state in JavaScript.
fn name(state: ReadyState) -> &'static str {
    match state {
        ReadyState::Connecting => "connecting",
        ReadyState::Open => "open",
        ReadyState::Closing => "closing",
        ReadyState::Closed => "closed",
        ReadyState::HalfClosed => "halfclosed",
    }
}

/// One machine, with what the socket around it knows.
struct Trial {
    machine: Tcp,
    is_relayed: bool,
}

impl Trial {
    /// A machine at its start. `start` is one of six: connecting or accepted, under each `allowHalfOpen`.
    fn new(start: usize) -> Self {
        let ledger = Ledger::new(HIGH_WATER_MARK, LIMIT);
        let allow_half_open = [None, Some(true), Some(false)][start % 3];
        let machine = if start < 3 {
            Machine::connecting(ledger, allow_half_open)
        } else {
            Machine::accepted(ledger, allow_half_open)
        };
        Self { machine, is_relayed: false }
    }

    /// Whether the socket around the machine can take this step now.
    fn can(&self, step: Step) -> bool {
        let machine = &self.machine;
        match step {
            Step::Connected => machine.is_connecting(),
            Step::Lost => !machine.is_link_gone(),
            Step::PeerEnded => machine.peer_may_send(),
            Step::FinSent => machine.wants_fin(),
            Step::Relay => machine.state() == ReadyState::Open && !machine.is_faulty() && !self.is_relayed,
            Step::ForwardEnd | Step::EndForwarded => self.is_relayed,
            _ => true,
        }
    }

    /// Takes a step. Returns its name in the table.
    fn take(&mut self, step: Step) -> &'static str {
        let machine = &mut self.machine;
        match step {
            Step::Connected => machine.connected(),
            Step::Lost => machine.lost("lost"),
            Step::PeerEnded => machine.peer_ended(),
            Step::FinSent => machine.fin_sent(),
            Step::Send => {
                let sent = machine.send(u64::from(LIMIT) + 1, |_| "full");
                return if sent == Sent::Full { "buffer full" } else { "`send()`" };
            }
            Step::HalfClose => {
                machine.half_close();
                return "`halfclose()`";
            }
            Step::Close => {
                machine.close(|| "abandoned");
                return "`close()`";
            }
            Step::Reset => {
                machine.reset(|| "abandoned");
                return "`reset()`";
            }
            Step::Abort => {
                machine.abort(|| "aborted");
                return "`signal` aborted";
            }
            Step::Relay => {
                machine.relay();
                self.is_relayed = true;
            }
            Step::ForwardEnd => machine.forward_end(),
            Step::EndForwarded => machine.end_forwarded(),
            Step::Listen => machine.set_listeners(false, true),
            Step::Suspend => machine.suspend(),
            Step::Resume => machine.resume(),
            Step::Next => {
                return match machine.next(false) {
                    Some(Event::Open) => "established",
                    Some(Event::Error("lost")) => "failed or lost",
                    Some(Event::Error("abandoned")) => "given up",
                    Some(Event::Close) => "both ends ended",
                    None | Some(Event::Ended) => "the peer ends",
                    Some(_) => "another event",
                };
            }
        }
        "a report"
    }
}

/// Every change of readyState that any sequence of steps causes.
fn changes() -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    let mut seen = HashSet::new();
    let mut waiting: VecDeque<(usize, Vec<Step>)> = (0..6).map(|start| (start, Vec::new())).collect();
    while let Some((start, steps)) = waiting.pop_front() {
        for step in STEPS {
            let mut trial = Trial::new(start);
            for &earlier in &steps {
                trial.take(earlier);
            }
            if !trial.can(step) {
                continue;
            }
            let before = name(trial.machine.state());
            let event = trial.take(step);
            let after = name(trial.machine.state());
            if before != after {
                rows.insert((event.to_owned(), before, after));
            }
            if seen.insert(format!("{:?}", trial.machine)) {
                waiting.push_back((start, [steps.as_slice(), &[step]].concat()));
            }
        }
    }
    rows
}

/// The rows of the page's table, which stands under its heading: event, from, to, and what the socket does.
fn rows_of_page() -> BTreeSet<Row> {
    const STATES: [&str; 5] = ["connecting", "open", "halfclosed", "closing", "closed"];
    let state = |cell: &str| STATES.into_iter().find(|name| cell == format!("`{name}`")).expect(cell);
    let section =
        PAGE.split("\n## ").find(|section| section.starts_with("TCPSocket")).expect("the page has no such section");
    let table = section.lines().skip_while(|line| !line.starts_with("| event |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    cells.map(|cells| (cells[0].to_owned(), state(cells[1]), state(cells[2]))).collect()
}

#[test]
fn the_page_s_table_has_each_change_of_ready_state_and_no_other() {
    let (found, shown) = (changes(), rows_of_page());
    let missing: Vec<_> = found.difference(&shown).collect();
    let wrong: Vec<_> = shown.difference(&found).collect();
    assert!(missing.is_empty() && wrong.is_empty(), "docs/states.md lacks {missing:#?}, and has in vain {wrong:#?}");
}
