//! `dansync case`: what the console's pages do, by command. Values are shown on standard output only.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use registry_rules::{CaseKind, CaseState};
use registry_store::{CaseFilter, CaseStanding};
use serde::Serialize;
use service_runtime::SystemClock;
use steward_console::{Actor, CaseCursor, CaseLine, CaseList, Desk, PageRequest, ProposalEnd};

use super::case_decide;
use super::case_sheet::Shown;
use crate::classed::ResultExt as _;
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::ConfigFile;
use crate::table::write_table;
use crate::value_text::or_dash;

/// `dansync case`.
#[derive(Debug, Subcommand)]
pub(crate) enum Case {
    /// The open cases: those that harm most, for as many agreements as hold the item, first; then the oldest.
    #[command(after_help = "Example:
  dansync case list --as le.thi.an --config /etc/dansync/console.toml --limit 20")]
    List(List),
    /// One case: the competing values, the records and where each comes from, and what was decided about it.
    #[command(after_help = "Example:
  dansync case show 0123456789abcdef --as le.thi.an --config /etc/dansync/console.toml")]
    Show(Show),
    /// Decide a case. What `case show` showed is named with it: nobody decides about what they did not see.
    #[command(after_help = case_decide::EXAMPLES)]
    Decide(case_decide::Decide),
    /// Approve what another steward proposed: link, split, merge, or taking one of them back.
    #[command(after_help = case_decide::APPROVE_EXAMPLE)]
    Approve(case_decide::EndProposal),
    /// Reject what another steward proposed.
    #[command(after_help = "Example:
  dansync case reject 6f1c9f6e-0d1f-4a52-8f0e-3f2a8f1f6f10 --reason 'two people' --as tran.van.binh --config /etc/dansync/console.toml")]
    Reject(case_decide::EndProposal),
    /// Withdraw what you proposed yourself, before another steward has approved it.
    #[command(after_help = "Example:
  dansync case withdraw 6f1c9f6e-0d1f-4a52-8f0e-3f2a8f1f6f10 --reason 'wrong record' --as le.thi.an --config /etc/dansync/console.toml")]
    Withdraw(case_decide::EndProposal),
    /// Undo a decision about a value within its undo window: it is never recorded, and nobody downstream hears of it.
    #[command(after_help = case_decide::UNDO_EXAMPLE)]
    Undo(case_decide::Undo),
    /// Take a decision back: the rules, or the decision before it, decide again.
    #[command(after_help = case_decide::REVERSE_EXAMPLE)]
    Reverse(case_decide::Reverse),
    /// Take a case on the desk: nobody else decides it until it is released.
    #[command(after_help = "Example:
  dansync case claim 0123456789abcdef --as le.thi.an --config /etc/dansync/console.toml")]
    Claim(Claim),
    /// Give a case back.
    #[command(after_help = "Example:
  dansync case release 0123456789abcdef --as le.thi.an --config /etc/dansync/console.toml")]
    Release(Claim),
}

/// Whose desk.
#[derive(Debug, Args)]
pub(super) struct AtDesk {
    /// The console's user who asks; it stands in the audit log.
    #[arg(long = "as", value_name = "USER", env = "DANSYNC_USER")]
    user: String,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    pub(super) output: Output,
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
    /// Only those in this state: `new`, `reopened`, `waiting`, `under_investigation`.
    #[arg(long, value_name = "STATE", value_parser = open_state)]
    state: Option<CaseState>,
    /// Only those of this kind: `field_conflict`, `error_report`, …
    #[arg(long, value_name = "KIND", value_parser = case_kind)]
    kind: Option<CaseKind>,
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

/// `dansync case claim` and `release`.
#[derive(Debug, Args)]
pub(crate) struct Claim {
    /// The case.
    #[arg(value_name = "CASE")]
    case_id: String,
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

fn case_kind(text: &str) -> Result<CaseKind, String> {
    CaseKind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
        format!("not a kind of case; write one of {}", CaseKind::ALL.map(CaseKind::as_str).join(", "))
    })
}

impl Case {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::List(list) => {
                let filter = CaseFilter {
                    state: list.state,
                    kind: list.kind,
                    waits_for: list.waits_for,
                    overdue: list.overdue,
                };
                let page = PageRequest { after: list.after, limit: Some(list.limit), filter };
                let cases = list.desk.sit(async |desk, actor| {
                    steward_console::list_cases(desk, actor, page).await.classed()
                })?;
                list.desk.output.show(&cases)
            }
            Self::Show(show) => {
                let shown = show.desk.sit(async |desk, actor| {
                    let sheet = steward_console::show_case(desk, actor, &show.case_id).await.classed()?;
                    let trail = steward_console::case_trail(desk, &show.case_id).await.classed()?;
                    let head = match sheet {
                        Some(_) => None,
                        None => steward_console::closed_case(desk, &show.case_id).await.classed()?,
                    };
                    Shown::of(&show.case_id, sheet, head, trail)
                        .context("this case is not open; list the open ones with `dansync case list`")
                })?;
                show.desk.output.show(&shown)
            }
            Self::Decide(decide) => decide.execute(),
            Self::Approve(proposal) => proposal.execute(ProposalEnd::Approved),
            Self::Reject(proposal) => proposal.execute(ProposalEnd::Rejected),
            Self::Withdraw(proposal) => proposal.execute(ProposalEnd::Withdrawn),
            Self::Undo(undo) => undo.execute(),
            Self::Reverse(reverse) => reverse.execute(),
            Self::Claim(claim) => {
                claim.desk.sit(async |desk, actor| {
                    steward_console::claim(desk, actor, &claim.case_id).await.classed()
                })?;
                claim.desk.output.show(&OnDesk::new(claim.case_id, Some(claim.desk.user.clone())))
            }
            Self::Release(claim) => {
                claim.desk.sit(async |desk, actor| {
                    steward_console::release(desk, actor, &claim.case_id).await.classed()
                })?;
                claim.desk.output.show(&OnDesk::new(claim.case_id, None))
            }
        }
    }
}

impl AtDesk {
    /// Does something at the desk.
    pub(super) fn sit<T>(
        &self,
        work: impl AsyncFnOnce(&Desk, &Actor) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
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
                    due_text(&case.standing),
                    or_dash(case.claimed_by.as_ref()),
                ]
            })
            .collect();
        write_table(
            out,
            ["CASE", "SEVERITY", "AFFECTED", "SINCE", "KIND", "FIELD", "SOURCES", "STATE", "DUE", "DESK"],
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
        None if case.held_until.is_some() => format!("{state}, held"),
        None if case.decided => "decided".to_owned(),
        None if case.proposed => format!("{state}, proposed"),
        None => state.to_owned(),
    }
}

pub(super) fn due_text(standing: &CaseStanding) -> String {
    let due = or_dash(standing.due_on);
    if standing.overdue { format!("{due} overdue") } else { due }
}

/// Who has a case.
#[derive(Debug, Serialize)]
struct OnDesk {
    version: u32,
    case_id: String,
    claimed_by: Option<String>,
}

impl OnDesk {
    const fn new(case_id: String, claimed_by: Option<String>) -> Self {
        Self { version: 1, case_id, claimed_by }
    }
}

impl Answer for OnDesk {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.claimed_by {
            Some(user) => writeln!(out, "case {} is on the desk of {user}", self.case_id),
            None => writeln!(out, "case {} is free", self.case_id),
        }
    }
}
