//! `dansync case decide|undo|approve|reject|withdraw|reverse`: what stewards decide, by command.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use clap::error::ErrorKind;
use clap::{Args, ValueEnum};
use registry_rules::{RecordKey, RecordKeyError, RulingKind};
use serde::Serialize;
use steward_console::{
    Action, DecideRequest, Decided as Outcome, ProposalEnd, Question, ReverseRequest, RuleAction,
};
use uuid::Uuid;

use super::case::AtDesk;
use crate::classed::ResultExt as _;
use crate::output::Answer;

pub(super) const EXAMPLES: &str = "Examples:
  dansync case decide 0123456789abcdef --takes civil_status/birth/17/child --seen 5d41402abc4b2a76 \\
    --reason 'certified copy of the act seen' --as le.thi.an --config /etc/dansync/console.toml
  dansync case decide 0123456789abcdef merge --record residence/person/9/resident \\
    --other civil_status/birth/17/child --seen 5d41402abc4b2a76 --reason 'same person: passport seen' --as le.thi.an \\
    --config /etc/dansync/console.toml
  dansync case decide 0123456789abcdef send-back --record residence/person/9/resident --question check-person \\
    --seen 5d41402abc4b2a76 --reason 'two files under one number' --as le.thi.an --config /etc/dansync/console.toml";

pub(super) const APPROVE_EXAMPLE: &str = "Example:
  dansync case approve 6f1c9f6e-0d1f-4a52-8f0e-3f2a8f1f6f10 --reason 'documents seen' --as tran.van.binh \\
    --config /etc/dansync/console.toml";

pub(super) const UNDO_EXAMPLE: &str = "Example:
  dansync case undo 6f1c9f6e-0d1f-4a52-8f0e-3f2a8f1f6f10 --as le.thi.an --config /etc/dansync/console.toml";

pub(super) const REVERSE_EXAMPLE: &str = "Example:
  dansync case reverse 6f1c9f6e-0d1f-4a52-8f0e-3f2a8f1f6f10 --reason 'the two are cousins' --as le.thi.an \\
    --config /etc/dansync/console.toml";

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The value of the record `--takes` stands.
    TakeValue,
    /// The two records are of different persons, whatever later resembles.
    KeepSeparate,
    /// `--record` belongs to the person of `--other`.
    Link,
    /// `--record` is not of the person it stands with.
    Split,
    /// The two records are of one person.
    Merge,
    /// The two are twins.
    ConfirmTwins,
    /// Two people are mixed up in `--record`.
    MarkConfusion,
    /// The owner of `--record` is asked `--question`.
    SendBack,
    /// It is being looked into.
    UnderInvestigation,
}

impl Kind {
    const fn ruling(self) -> Option<RulingKind> {
        match self {
            Self::TakeValue => None,
            Self::KeepSeparate => Some(RulingKind::KeepSeparate),
            Self::Link => Some(RulingKind::Link),
            Self::Split => Some(RulingKind::Split),
            Self::Merge => Some(RulingKind::Merge),
            Self::ConfirmTwins => Some(RulingKind::ConfirmTwins),
            Self::MarkConfusion => Some(RulingKind::MarkConfusion),
            Self::SendBack => Some(RulingKind::SendBack),
            Self::UnderInvestigation => Some(RulingKind::UnderInvestigation),
        }
    }
}

/// `dansync case decide`.
#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// The case.
    #[arg(value_name = "CASE")]
    case_id: String,
    /// What is decided.
    #[arg(value_enum, value_name = "KIND", default_value = "take-value")]
    kind: Kind,
    /// The record whose value is to stand.
    #[arg(long, value_name = "RECORD", value_parser = record_key)]
    takes: Option<RecordKey>,
    /// The record that the decision is about.
    #[arg(long, value_name = "RECORD", value_parser = record_key, conflicts_with = "takes")]
    record: Option<RecordKey>,
    /// The record that it is held against.
    #[arg(long, value_name = "RECORD", value_parser = record_key, requires = "record")]
    other: Option<RecordKey>,
    /// What the source is asked: check-value, check-person, check-number, two-people or missing-act.
    #[arg(long, value_name = "CODE", value_parser = question, requires = "record")]
    question: Option<Question>,
    /// What `case show` gave as `seen`.
    #[arg(long, value_name = "HASH")]
    seen: String,
    /// The last decision, where `case show` showed one.
    #[arg(long, value_name = "DECISION")]
    follows: Option<Uuid>,
    /// The document, the rule or the result of verification.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    desk: AtDesk,
}

/// `dansync case approve`, `reject` and `withdraw`.
#[derive(Debug, Args)]
pub(crate) struct EndProposal {
    /// The proposal, as `case show` lists it.
    #[arg(value_name = "PROPOSAL")]
    proposal_id: Uuid,
    /// The document, the rule or the result of verification.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    desk: AtDesk,
}

/// `dansync case undo`.
#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// The decision to be undone, as `case decide` and `case show` name it.
    #[arg(value_name = "DECISION")]
    decision_id: Uuid,
    #[command(flatten)]
    desk: AtDesk,
}

/// `dansync case reverse`.
#[derive(Debug, Args)]
pub(crate) struct Reverse {
    /// The decision to be taken back, as `case show` lists it.
    #[arg(value_name = "DECISION")]
    decision_id: Uuid,
    /// Why it was wrong.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    desk: AtDesk,
}

fn record_key(text: &str) -> Result<RecordKey, RecordKeyError> {
    RecordKey::try_from(text.to_owned())
}

fn question(text: &str) -> Result<Question, &'static str> {
    Question::read(&text.replace('-', "_"))
        .ok_or("no such question; write check-value, check-person, check-number, two-people or missing-act")
}

impl Decide {
    /// Does it.
    pub(super) fn execute(self) -> anyhow::Result<()> {
        let action = self.action();
        let request = DecideRequest {
            case_id: self.case_id,
            action,
            seen: self.seen,
            follows: self.follows,
            reason: self.reason,
        };
        let outcome = self
            .desk
            .sit(async |desk, actor| steward_console::decide(desk, actor, &request).await.classed())?;
        match outcome {
            Outcome::Recorded(decision_id) => self.desk.output.show(&Decided {
                version: 1,
                case_id: request.case_id,
                decision_id,
                held_until: None,
            }),
            Outcome::Held(decision_id, until) => self.desk.output.show(&Decided {
                version: 1,
                case_id: request.case_id,
                decision_id,
                held_until: Some(until),
            }),
            Outcome::Proposed(proposal_id) => {
                self.desk.output.show(&Proposed { version: 1, case_id: Some(request.case_id), proposal_id })
            }
        }
    }

    fn action(&self) -> Action {
        match (self.kind.ruling(), &self.takes, &self.record) {
            (None, Some(takes), None) => Action::TakeValue(takes.clone()),
            (Some(kind), None, Some(record)) => Action::Rule(RuleAction {
                kind,
                record: record.clone(),
                other: self.other.clone(),
                question: self.question,
            }),
            (None, ..) => usage("--takes: take-value names with it the record whose value is to stand"),
            (Some(_), ..) => {
                usage("--record: this kind names with it the record that it is about, and has no --takes")
            }
        }
    }
}

/// An error of the command line, told and ended as the others are.
fn usage(text: &str) -> ! {
    clap::Error::raw(ErrorKind::MissingRequiredArgument, format!("{text}\n")).exit()
}

impl EndProposal {
    /// Does it.
    pub(super) fn execute(self, end: ProposalEnd) -> anyhow::Result<()> {
        let decision_id = self.desk.sit(async |desk, actor| {
            steward_console::end_proposal(desk, actor, self.proposal_id, end, &self.reason).await.classed()
        })?;
        self.desk.output.show(&Ended { version: 1, proposal_id: self.proposal_id, decision_id })
    }
}

impl Undo {
    /// Does it.
    pub(super) fn execute(self) -> anyhow::Result<()> {
        self.desk
            .sit(async |desk, actor| steward_console::undo(desk, actor, self.decision_id).await.classed())?;
        self.desk.output.show(&Undone { version: 1, undone: self.decision_id })
    }
}

impl Reverse {
    /// Does it.
    pub(super) fn execute(self) -> anyhow::Result<()> {
        let request = ReverseRequest { decision_id: self.decision_id, reason: self.reason };
        let outcome = self
            .desk
            .sit(async |desk, actor| steward_console::reverse(desk, actor, &request).await.classed())?;
        match outcome {
            // A reversal is not held.
            Outcome::Recorded(decision_id) | Outcome::Held(decision_id, _) => {
                self.desk.output.show(&TakenBack { version: 1, reverses: request.decision_id, decision_id })
            }
            Outcome::Proposed(proposal_id) => {
                self.desk.output.show(&Proposed { version: 1, case_id: None, proposal_id })
            }
        }
    }
}

/// What was recorded, or is held.
#[derive(Debug, Serialize)]
struct Decided {
    version: u32,
    case_id: String,
    decision_id: Uuid,
    /// Until when it can be undone; none: it is recorded.
    held_until: Option<DateTime<Utc>>,
}

impl Answer for Decided {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let id = self.decision_id;
        match self.held_until {
            None => writeln!(out, "decision {id} recorded; the registry follows when it is captured"),
            Some(until) => {
                writeln!(
                    out,
                    "decision {id} held; the console records it at {}; until then:",
                    until.to_rfc3339()
                )?;
                writeln!(out, "dansync case undo {id} --as USER")
            }
        }
    }
}

/// What was undone.
#[derive(Debug, Serialize)]
struct Undone {
    version: u32,
    undone: Uuid,
}

impl Answer for Undone {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "decision {} undone; it is not recorded, and the case is as before", self.undone)
    }
}

/// What waits for a second steward.
#[derive(Debug, Serialize)]
struct Proposed {
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    case_id: Option<String>,
    proposal_id: Uuid,
}

impl Answer for Proposed {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let id = self.proposal_id;
        writeln!(out, "proposed: {id}; it moves persons, so another steward approves it:")?;
        writeln!(out, "dansync case approve {id} --reason TEXT --as USER")
    }
}

/// How a proposal ended.
#[derive(Debug, Serialize)]
struct Ended {
    version: u32,
    proposal_id: Uuid,
    decision_id: Option<Uuid>,
}

impl Answer for Ended {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.decision_id {
            Some(id) => writeln!(out, "decision {id} recorded; the registry follows when it is captured"),
            None => writeln!(out, "the proposal has ended; nothing changes"),
        }
    }
}

/// What took a decision back.
#[derive(Debug, Serialize)]
struct TakenBack {
    version: u32,
    reverses: Uuid,
    decision_id: Uuid,
}

impl Answer for TakenBack {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} is taken back by {}", self.reverses, self.decision_id)
    }
}
