//! One case on standard output: what it shows, and what was decided about it.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use registry_rules::{CaseKind, CaseState, FieldName};
use registry_store::{AnchorMove, CaseHead, case_subject};
use serde::Serialize;
use steward_console::{CaseSheet, NotTakeable, Proposal, ShownRecord, Statement, TrailEntry, UndoWindow};

use super::case::due_text;
use crate::output::Answer;
use crate::table::write_table;
use crate::value_text::{or_dash, value_text};

/// What `dansync case show` shows, with the decisions from the first to the last.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Shown {
    /// An open case.
    Open {
        /// What it shows.
        #[serde(flatten)]
        sheet: Box<CaseSheet>,
        /// What was decided about it.
        decisions: Vec<TrailEntry>,
    },
    /// One that is not open any more: what was decided about it stays.
    Closed {
        /// Version of this form.
        version: u32,
        /// The case.
        case_id: String,
        /// What kind of question it was; this and the next three none where the registry does not know it any more.
        kind: Option<CaseKind>,
        /// The item in question, where it was about one.
        field: Option<FieldName>,
        /// How it ended: `closed` or `superseded`.
        state: Option<CaseState>,
        /// Since when.
        since: Option<DateTime<Utc>>,
        /// What was decided about it.
        decisions: Vec<TrailEntry>,
    },
}

impl Shown {
    /// A case, or what is left of it; none that never was.
    pub(super) fn of(
        case_id: &str,
        sheet: Option<CaseSheet>,
        head: Option<CaseHead>,
        decisions: Vec<TrailEntry>,
    ) -> Option<Self> {
        match (sheet, head) {
            (Some(sheet), _) => Some(Self::Open { sheet: Box::new(sheet), decisions }),
            (None, None) if decisions.is_empty() => None,
            (None, head) => Some(Self::Closed {
                version: 1,
                case_id: case_id.to_owned(),
                kind: head.as_ref().map(|head| head.kind),
                state: head.as_ref().map(|head| head.standing.state),
                since: head.as_ref().map(|head| head.standing.since),
                field: head.and_then(|head| head.field),
                decisions,
            }),
        }
    }
}

impl Answer for Shown {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Open { sheet, decisions } => {
                write_sheet(out, sheet)?;
                write_trail(out, decisions)?;
                write_ways(out, sheet)
            }
            Self::Closed { kind, field, state, since, decisions, .. } => {
                writeln!(out, "this case is not open any more")?;
                if let (Some(kind), Some(state), Some(since)) = (kind, state, since) {
                    let (kind, field) = (kind.as_str(), or_dash(field.as_ref()));
                    writeln!(out, "{kind} about {field}, {} since {}", state.as_str(), since.to_rfc3339())?;
                }
                write_trail(out, decisions)
            }
        }
    }
}

fn write_trail(out: &mut dyn Write, decisions: &[TrailEntry]) -> io::Result<()> {
    if !decisions.is_empty() {
        writeln!(out, "\ndecisions, the first one first:")?;
    }
    decisions.iter().try_for_each(|entry| write_entry(out, entry))
}

fn write_sheet(out: &mut dyn Write, sheet: &CaseSheet) -> io::Result<()> {
    let since = sheet.opened_at.date_naive();
    let (id, kind, severity) = (&sheet.case_id, sheet.kind.as_str(), sheet.weight);
    let (harm, affected) = (sheet.severity, or_dash(sheet.affected));
    writeln!(
        out,
        "case {id}, {kind}, since {since}, severity {severity} (harm {harm}, agreements {affected})"
    )?;
    let (state, due) = (sheet.standing.state.as_str(), due_text(&sheet.standing));
    match &sheet.standing.waits_for {
        Some(source) => writeln!(out, "{state} for {source}, due {due}")?,
        None => writeln!(out, "{state}, due {due}")?,
    }
    writeln!(out, "about {}, {}", case_subject(&sheet.subject), or_dash(sheet.field.as_ref()))?;
    if let Some(claim) = &sheet.claim {
        writeln!(out, "on the desk of {} since {}", claim.claimed_by, claim.claimed_at.to_rfc3339())?;
    }
    if let Some(person) = &sheet.person {
        let (name, born) = (or_dash(person.name.as_ref()), or_dash(person.born.as_ref()));
        writeln!(out, "{name}, born {born}, number …{}", or_dash(person.pin_ending.as_ref()))?;
    }
    if let (Some(state), Some(rule)) = (sheet.state, &sheet.rule) {
        writeln!(out, "stands as {} by {rule}", state.as_str())?;
    }
    if !sheet.statements.is_empty() {
        writeln!(out)?;
        let rows: Vec<_> = sheet.statements.iter().map(statement_row).collect();
        write_table(out, ["", "RECORD", "VALUE", "RANK", "STANDING", "FROM", "RECORDED", "TAKEABLE"], &rows)?;
    }
    writeln!(out, "\nrecords, those in question marked:")?;
    let rows: Vec<_> = sheet.records.iter().map(record_row).collect();
    write_table(out, ["", "RECORD", "PERSON", "NUMBER", "SAYS"], &rows)?;
    if sheet.truncated {
        writeln!(out, "there are more records than are shown")?;
    }
    Ok(())
}

fn statement_row(statement: &Statement) -> [String; 8] {
    let takeable = match statement.not_takeable {
        None => "yes",
        Some(NotTakeable::NoAuthority) => "no: no authority",
        Some(NotTakeable::NotInEffect) => "no: not in effect",
        Some(NotTakeable::NotYet) => "no: not yet in effect",
        Some(NotTakeable::Key) => "no: key cannot travel",
    };
    [
        if statement.stands { "*" } else { "" }.to_owned(),
        statement.record_key.to_string(),
        value_text(&statement.value),
        or_dash(statement.rank),
        statement.standing.as_str().to_owned(),
        or_dash(statement.valid_from),
        or_dash(statement.recorded_at.map(|at| at.date_naive())),
        takeable.to_owned(),
    ]
}

fn record_row(record: &ShownRecord) -> [String; 5] {
    let says: Vec<String> = record.items.values().map(value_text).collect();
    [
        if record.in_question { "?" } else { "" }.to_owned(),
        record.record_key.to_string(),
        or_dash(record.person_id),
        or_dash(record.pin_ending.as_ref().map(|ending| format!("…{ending}"))),
        says.join("; "),
    ]
}

fn write_entry(out: &mut dyn Write, entry: &TrailEntry) -> io::Result<()> {
    let (at, kind, id) = (entry.decided_at.to_rfc3339(), &entry.kind, entry.decision_id);
    write!(out, "{at} {kind} {id} by {}", entry.decided_by)?;
    match &entry.proposed_by {
        Some(first) => writeln!(out, ", proposed by {first}")?,
        None => writeln!(out)?,
    }
    if let Some(record) = &entry.record {
        writeln!(out, "  about {record}")?;
    }
    if let Some(other) = &entry.other {
        writeln!(out, "  and {other}")?;
    }
    if let Some(question) = &entry.question {
        writeln!(out, "  the source was asked: {question}")?;
    }
    if let Some(earlier) = entry.reverses {
        writeln!(out, "  takes back {earlier}")?;
    }
    if let Some(later) = entry.taken_back_by {
        writeln!(out, "  taken back by {later}")?;
    }
    writeln!(out, "  reason: {}", or_dash(entry.reason.as_ref()))?;
    if let Some(window) = &entry.undo_window {
        write_window(out, window)?;
    }
    match entry.effect.received_at {
        None if !entry.is_recorded() => {}
        None => writeln!(out, "  on its way to the registry")?,
        Some(at) => writeln!(out, "  in the registry since {}", at.to_rfc3339())?,
    }
    entry.effect.moved.iter().try_for_each(|moved| write_move(out, moved))
}

fn write_window(out: &mut dyn Write, window: &UndoWindow) -> io::Result<()> {
    let ended = or_dash(window.ended_at.map(|at| at.to_rfc3339()));
    match window.outcome.as_deref() {
        None => writeln!(out, "  held: can be undone until {}", window.held_until.to_rfc3339()),
        Some("undone") => writeln!(out, "  undone by {} at {ended}", or_dash(window.ended_by.as_ref())),
        Some("recorded") => writeln!(out, "  held from {}, recorded at {ended}", window.held_at.to_rfc3339()),
        Some("not_allowed") => writeln!(out, "  not recorded: its author may not decide any more"),
        Some(_) => writeln!(out, "  not recorded: the case had changed at {ended}"),
    }
}

fn write_move(out: &mut dyn Write, moved: &AnchorMove) -> io::Result<()> {
    let (event, anchor) = (moved.event, &moved.anchor);
    writeln!(out, "  {event}: {anchor}: person {} -> {}", or_dash(moved.before), moved.after)
}

fn write_ways(out: &mut dyn Write, sheet: &CaseSheet) -> io::Result<()> {
    sheet.proposals.iter().try_for_each(|proposal| write_proposal(out, proposal))?;
    let follows = sheet
        .last_decision
        .as_ref()
        .map(|last| format!(" --follows {}", last.decision_id))
        .unwrap_or_default();
    if let Some(last) = &sheet.last_decision {
        let state = if sheet.is_on_its_way() { "on its way to the registry" } else { "before what is shown" };
        let (id, by, at) = (last.decision_id, &last.decided_by, last.decided_at.to_rfc3339());
        writeln!(out, "\ndecided by {by} at {at}, {} {}: {id}, {state}", last.kind, last.takes)?;
    }
    if let Some(held) = &sheet.held {
        let (id, by, until) = (held.decision_id, &held.held_by, held.held_until.to_rfc3339());
        writeln!(
            out,
            "\nheld until {until}, decided by {by}: takes {}; nothing else is decided meanwhile",
            held.takes
        )?;
        return writeln!(out, "to undo it: dansync case undo {id} --as USER");
    }
    let (case, seen) = (&sheet.case_id, &sheet.seen);
    writeln!(out, "\nseen {seen}")?;
    let rest = format!("--seen {seen}{follows} --reason TEXT");
    if sheet.statements.iter().any(|statement| statement.not_takeable.is_none()) {
        writeln!(out, "to decide: dansync case decide {case} --takes RECORD {rest}")?;
    }
    for kind in &sheet.rulings {
        writeln!(out, "or: dansync case decide {case} {} --record RECORD … {rest}", kind.replace('_', "-"))?;
    }
    Ok(())
}

fn write_proposal(out: &mut dyn Write, proposal: &Proposal) -> io::Result<()> {
    let (id, kind, by) = (proposal.proposal_id, &proposal.kind, &proposal.proposed_by);
    writeln!(out, "\nproposed by {by} at {}: {kind} {id}", proposal.proposed_at.to_rfc3339())?;
    for record in proposal.record.iter().chain(&proposal.other) {
        writeln!(out, "  about {record}")?;
    }
    writeln!(out, "  reason: {}", proposal.reason)?;
    writeln!(out, "  a second steward: dansync case approve {id} --reason TEXT, or reject")
}
