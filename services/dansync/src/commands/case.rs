//! `dansync case`: what the console's pages do, by command. Values are shown on standard output only.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use registry_rules::{CaseState, RecordKey, RecordKeyError};
use registry_store::{CaseFilter, case_subject};
use serde::Serialize;
use service_runtime::SystemClock;
use steward_console::{
    Actor, CaseCursor, CaseLine, CaseList, CaseSheet, DecideRequest, Desk, NotTakeable, PageRequest,
    Statement,
};
use uuid::Uuid;

use crate::classed::ResultExt as _;
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::ConfigFile;
use crate::table::write_table;
use crate::value_text::{or_dash, value_text};

/// `dansync case`.
#[derive(Debug, Subcommand)]
pub(crate) enum Case {
    /// The open cases: those that harm most, for as many agreements as hold the item, first; then the oldest.
    #[command(after_help = "Example:
  dansync case list --as le.thi.an --config /etc/dansync/console.toml --limit 20")]
    List(List),
    /// One open case: the competing values and where each comes from.
    #[command(after_help = "Example:
  dansync case show 0123456789abcdef --as le.thi.an --config /etc/dansync/console.toml")]
    Show(Show),
    /// Take the value of one record. What `case show` showed is named with it: nobody decides about what they did not see.
    #[command(after_help = "Example:
  dansync case decide 0123456789abcdef --takes civil_status/birth/17/child --seen 5d41402abc4b2a76 \\
    --reason 'certified copy of the act seen' --as le.thi.an --config /etc/dansync/console.toml")]
    Decide(Decide),
}

/// Whose desk.
#[derive(Debug, Args)]
struct AtDesk {
    /// The console's user who asks; it stands in the audit log.
    #[arg(long = "as", value_name = "USER", env = "DANSYNC_USER")]
    user: String,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// `dansync case list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// How many at most; never more than 500.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: u16,
    /// Where the page before ended.
    #[arg(long, value_name = "PLACE", value_parser = cursor)]
    after: Option<CaseCursor>,
    /// Only those whose clock has run out.
    #[arg(long)]
    overdue: bool,
    /// Only those in this state: new, reopened, waiting, under_investigation.
    #[arg(long, value_name = "STATE", value_parser = open_state)]
    state: Option<CaseState>,
    /// Only those that wait for this source.
    #[arg(long, value_name = "SOURCE")]
    waits_for: Option<String>,
    #[command(flatten)]
    desk: AtDesk,
}

/// `dansync case show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The case.
    #[arg(value_name = "CASE")]
    case_id: String,
    #[command(flatten)]
    desk: AtDesk,
}

/// `dansync case decide`.
#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// The case.
    #[arg(value_name = "CASE")]
    case_id: String,
    /// The record whose value is to stand.
    #[arg(long, value_name = "RECORD", value_parser = record_key)]
    takes: RecordKey,
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

fn cursor(text: &str) -> Result<CaseCursor, &'static str> {
    steward_console::parse_cursor(text)
        .ok_or("not a place; `dansync case list` ends with one where there is more")
}

fn open_state(text: &str) -> Result<CaseState, &'static str> {
    CaseState::read(text)
        .filter(|state| state.is_open())
        .ok_or("not a state of open cases; write new, reopened, waiting or under_investigation")
}

fn record_key(text: &str) -> Result<RecordKey, RecordKeyError> {
    RecordKey::try_from(text.to_owned())
}

impl Case {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::List(list) => {
                let filter = CaseFilter {
                    state: list.state,
                    waits_for: list.waits_for,
                    overdue: list.overdue,
                    ..CaseFilter::default()
                };
                let page = PageRequest { after: list.after, limit: Some(list.limit), filter };
                let cases = list.desk.sit(async |desk, actor| {
                    steward_console::list_cases(desk, actor, page).await.classed()
                })?;
                list.desk.output.show(&cases)
            }
            Self::Show(show) => {
                let sheet = show.desk.sit(async |desk, actor| {
                    let sheet = steward_console::show_case(desk, actor, &show.case_id).await.classed()?;
                    sheet.context("this case is not open; list the open ones with `dansync case list`")
                })?;
                show.desk.output.show(&sheet)
            }
            Self::Decide(decide) => {
                let request = DecideRequest {
                    case_id: decide.case_id,
                    takes: decide.takes,
                    seen: decide.seen,
                    follows: decide.follows,
                    reason: decide.reason,
                };
                let decision_id = decide.desk.sit(async |desk, actor| {
                    steward_console::decide(desk, actor, &request).await.classed()
                })?;
                decide.desk.output.show(&Decided { version: 1, case_id: request.case_id, decision_id })
            }
        }
    }
}

impl AtDesk {
    fn sit<T>(&self, work: impl AsyncFnOnce(&Desk, &Actor) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let config: steward_console::Config = self.file.load()?;
        config.check()?;
        executor::run(async {
            let desk = Desk::open(&config, Arc::new(SystemClock))?;
            let actor = steward_console::command_actor(&desk, &self.user).await.classed()?;
            work(&desk, &actor).await
        })
    }
}

impl Answer for CaseList {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<_> = self
            .cases
            .iter()
            .map(|case| {
                let sources: Vec<&str> = case.sources.iter().map(String::as_str).collect();
                [
                    case.case_id.clone(),
                    case.weight.to_string(),
                    or_dash(case.affected),
                    case.opened_at.date_naive().to_string(),
                    case.kind.as_str().to_owned(),
                    or_dash(case.field.as_ref()),
                    sources.join(","),
                    state_text(case),
                    due_text(case),
                ]
            })
            .collect();
        write_table(
            out,
            ["CASE", "SEVERITY", "AFFECTED", "SINCE", "KIND", "FIELD", "SOURCES", "STATE", "DUE"],
            &rows,
        )?;
        if rows.is_empty() {
            writeln!(out, "no open cases")?;
        }
        match &self.next {
            Some(next) => writeln!(out, "more: --after {next}"),
            None => Ok(()),
        }
    }
}

fn state_text(case: &CaseLine) -> String {
    let state = case.standing.state.as_str();
    match &case.standing.waits_for {
        Some(source) => format!("{state} for {source}"),
        None if case.decided => "decided".to_owned(),
        None => state.to_owned(),
    }
}

fn due_text(case: &CaseLine) -> String {
    let due = or_dash(case.standing.due_on);
    if case.standing.overdue { format!("{due} overdue") } else { due }
}

impl Answer for CaseSheet {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let since = self.opened_at.date_naive();
        writeln!(
            out,
            "case {}, {}, severity {}, since {since}",
            self.case_id,
            self.kind.as_str(),
            self.severity
        )?;
        writeln!(out, "about {}, {}", case_subject(&self.subject), or_dash(self.field.as_ref()))?;
        if let Some(person) = &self.person {
            let (name, born) = (or_dash(person.name.as_ref()), or_dash(person.born.as_ref()));
            writeln!(out, "{name}, born {born}, number …{}", or_dash(person.pin_ending.as_ref()))?;
        }
        if let (Some(state), Some(rule)) = (self.state, &self.rule) {
            writeln!(out, "stands as {} by {rule}", state.as_str())?;
        }
        writeln!(out)?;
        let rows: Vec<_> = self.statements.iter().map(statement_row).collect();
        write_table(out, ["", "RECORD", "VALUE", "RANK", "STANDING", "FROM", "RECORDED", "TAKEABLE"], &rows)?;
        if self.truncated {
            writeln!(out, "there are more records than are shown")?;
        }
        let mut follows = String::new();
        if let Some(last) = &self.last_decision {
            let state =
                if self.is_on_its_way() { "on its way to the registry" } else { "before what is shown" };
            let (id, by, at) = (last.decision_id, &last.decided_by, last.decided_at.to_rfc3339());
            writeln!(out, "decided by {by} at {at} for {}: {id}, {state}", last.takes)?;
            follows = format!(" --follows {id}");
        }
        writeln!(out, "\nseen {}", self.seen)?;
        let (case, seen) = (&self.case_id, &self.seen);
        writeln!(
            out,
            "to decide: dansync case decide {case} --takes RECORD --seen {seen}{follows} --reason TEXT"
        )
    }
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

/// What was recorded.
#[derive(Debug, Serialize)]
struct Decided {
    version: u32,
    case_id: String,
    decision_id: Uuid,
}

impl Answer for Decided {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "decision {} recorded; the registry follows when it is captured", self.decision_id)
    }
}
