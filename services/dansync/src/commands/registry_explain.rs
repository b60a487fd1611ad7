//! `dansync registry explain`: why each value stands. Values are shown on standard output only.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anyhow::{Context as _, bail};
use chrono::{DateTime, NaiveDate, Utc};
use clap::Args;
use registry_rules::{
    Explained, ExplainedDecision, Explanation, FieldName, FieldNameError, FieldState, PersonId,
    StandingField, Verdict,
};
use registry_store::Inquiry;
use serde::Serialize;
use steward_console::{WhoDecided, who_decided};
use uuid::Uuid;

use super::registry_moment::{Asking, At, inquire};
use super::registry_secret::{Purpose, redact_explanations};
use crate::classed::ResultExt as _;
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::ConfigFile;
use crate::table::write_table;
use crate::value_text::{or_dash, value_text};

/// `dansync registry explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Person id, personal identification number, record key or anchor.
    #[arg(value_name = "PERSON")]
    person: String,
    /// The item, as `dansync rules show` lists it; without it all that anybody states.
    #[arg(value_name = "FIELD", value_parser = field)]
    field: Option<FieldName>,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    purpose: Purpose,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

fn field(text: &str) -> Result<FieldName, FieldNameError> {
    text.parse()
}

impl Explain {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        let settings: Asking = self.file.sections()?;
        let told = executor::run(async {
            let inquiry = inquire(&settings, &self.person, self.at).await?;
            let pool = settings.pool()?;
            let secrets = self.purpose.secrets(&pool, inquiry.person_id(), "registry explain").await?;
            if let Some(field) = self.field.as_ref().filter(|field| !inquiry.knows(field)) {
                bail!("FIELD: the rules in force then have no item {field}; `dansync rules show` lists them");
            }
            let mut fields = inquiry.explain_without(self.field.as_ref(), &secrets);
            redact_explanations(&mut fields, &secrets, inquiry.day, self.at.moment().known);
            if self.field.is_none() {
                // An item of which nothing is left to say would say that there was something.
                fields.retain(|one| one.stands.is_some() || !one.statements.is_empty());
            }
            let deciders = deciders(&settings, &fields).await?;
            let cases = inquiry.open_cases();
            let fields = fields.into_iter().map(|field| ToldField::of(field, &cases, &deciders)).collect();
            anyhow::Ok(Told::of(&inquiry, fields, self.at))
        })?;
        self.output.show(&told)
    }
}

type Deciders = BTreeMap<Uuid, WhoDecided>;

/// Who made the decisions, where the file names the console.
async fn deciders(settings: &Asking, fields: &[Explanation]) -> anyhow::Result<Deciders> {
    let decisions = fields.iter().flat_map(|field| &field.decisions);
    let ids: Vec<Uuid> = decisions.filter_map(|decision| decision.decision_id.parse().ok()).collect();
    match settings.console()? {
        Some(console) if !ids.is_empty() => who_decided(&console, &ids).await.classed().context("console"),
        Some(_) | None => Ok(Deciders::new()),
    }
}

/// Why the values of one person stand.
#[derive(Debug, Serialize)]
struct Told {
    version: u32,
    person_id: PersonId,
    as_of: NaiveDate,
    as_known: Option<DateTime<Utc>>,
    rule_set: String,
    fields: Vec<ToldField>,
}

/// One item. The keys are those of [`Explanation`], with the open question and who decided.
#[derive(Debug, Serialize)]
struct ToldField {
    field: FieldName,
    article: String,
    stands: Option<StandingField>,
    ground: Option<String>,
    open_case: bool,
    /// The question, for `dansync case show`.
    case_id: Option<String>,
    statements: Vec<Explained>,
    decisions: Vec<ToldDecision>,
}

/// A decision, and what of it stays in the console.
#[derive(Debug, Serialize)]
struct ToldDecision {
    #[serde(flatten)]
    decision: ExplainedDecision,
    decided_by: Option<String>,
    reason: Option<String>,
}

impl ToldField {
    fn of(told: Explanation, cases: &BTreeMap<FieldName, String>, deciders: &Deciders) -> Self {
        let Explanation { field, article, stands, ground, open_case, statements, decisions } = told;
        let decision = |decision: ExplainedDecision| {
            let who = decision.decision_id.parse().ok().and_then(|id| deciders.get(&id)).cloned();
            let (decided_by, reason) = who.map_or((None, None), |who| (Some(who.decided_by), who.reason));
            ToldDecision { decision, decided_by, reason }
        };
        Self {
            case_id: cases.get(&field).cloned(),
            field,
            article,
            stands,
            ground,
            open_case,
            statements,
            decisions: decisions.into_iter().map(decision).collect(),
        }
    }
}

impl Told {
    fn of(inquiry: &Inquiry, fields: Vec<ToldField>, at: At) -> Self {
        Self {
            version: 1,
            person_id: inquiry.person_id(),
            as_of: inquiry.day,
            as_known: at.moment().known,
            rule_set: inquiry.rule_set.clone(),
            fields,
        }
    }
}

impl Answer for Told {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "person {} on {}, by rules {}", self.person_id, self.as_of, self.rule_set)?;
        if let Some(known) = self.as_known {
            writeln!(out, "as known at {}", known.to_rfc3339())?;
        }
        self.fields.iter().try_for_each(|field| write_field(out, field))
    }
}

fn write_field(out: &mut dyn Write, told: &ToldField) -> io::Result<()> {
    writeln!(out, "\n{}, article {} of Law 26/2023/QH15", told.field, told.article)?;
    match &told.stands {
        None => writeln!(out, "  nothing stands: nobody with authority over it states it")?,
        Some(stands) => {
            writeln!(out, "  {}", value_text(&stands.value))?;
            let from =
                stands.record_key.as_ref().map_or_else(String::new, |key| format!(", taken from {key}"));
            writeln!(out, "  stands as {}{from}", state(stands.state))?;
            writeln!(out, "  by {}", rule(&stands.rule))?;
        }
    }
    if let Some(ground) = &told.ground {
        writeln!(out, "  on the ground of {ground}")?;
    }
    if let Some(case) = &told.case_id {
        writeln!(out, "  a question about it is open: case {case}")?;
    } else if told.open_case {
        writeln!(out, "  a question about it is open")?;
    }
    let rows: Vec<_> = told.statements.iter().map(statement_row).collect();
    write_table(
        out,
        ["  RECORD", "SAYS", "AUTHORITY", "STANDING", "FROM", "TO", "RECORDED", "VERDICT"],
        &rows,
    )?;
    told.decisions.iter().try_for_each(|decision| write_decision(out, decision))
}

const fn state(state: FieldState) -> &'static str {
    match state {
        FieldState::Agreed => "agreed: several sources say it",
        FieldState::SoleSource => "the word of its only source",
        FieldState::Disputed => "disputed: another source says something else, the first in authority stands",
        FieldState::UnderVerification => "provisional, under joint verification: sources differ",
        FieldState::Decided => "decided by a steward",
    }
}

/// A rule as `registry_rules` names it: item, ground and rank, or a decision.
fn rule(rule: &str) -> String {
    if let Some(decision) = rule.strip_prefix("decision/") {
        return format!("decision {decision}");
    }
    let mut parts = rule.split('/');
    let rank = |part: Option<&str>| part.and_then(|rank| rank.parse::<usize>().ok());
    match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(ground), last) if rank(last).is_some() => {
            let place = nth(rank(last).unwrap_or_default().saturating_add(1));
            format!("rule {ground}, as the {place} in authority ({rule})")
        }
        (Some(_), own, None) if rank(own).is_some() => {
            let place = nth(rank(own).unwrap_or_default().saturating_add(1));
            format!("the item's own order, as the {place} in authority ({rule})")
        }
        _ => format!("rule {rule}"),
    }
}

fn nth(place: usize) -> String {
    match place {
        1 => "first".to_owned(),
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        4 => "fourth".to_owned(),
        5 => "fifth".to_owned(),
        6 => "sixth".to_owned(),
        more => format!("{more}th"),
    }
}

fn write_decision(out: &mut dyn Write, told: &ToldDecision) -> io::Result<()> {
    let ToldDecision { decision, decided_by, reason } = told;
    let at = decision.decided_at.to_rfc3339();
    let by = decided_by.as_ref().map_or_else(|| "a steward".to_owned(), ToOwned::to_owned);
    let id = &decision.decision_id;
    if let Some(reversed) = &decision.reverses {
        writeln!(out, "  decision {id} of {at} by {by} takes back decision {reversed}")?;
    } else {
        let force = match (decision.in_force, decision.followed) {
            (_, true) => "in force, its value stands",
            (true, false) => "in force, but its record says something else now: the rules decide",
            (false, false) => "not in force: taken back, or a later one decides",
        };
        writeln!(out, "  decision {id} of {at} by {by} takes {}: {force}", decision.takes)?;
    }
    match (reason, decided_by) {
        (Some(reason), _) => writeln!(out, "    reason: {reason}"),
        (None, Some(_)) => Ok(()),
        (None, None) => {
            writeln!(out, "    its name and reason are in the console: name [console] in the configuration")
        }
    }
}

fn statement_row(told: &Explained) -> [String; 8] {
    let verdict = match told.verdict {
        Verdict::Stands => "stands",
        Verdict::Agrees => "agrees",
        Verdict::Contradicts => "contradicts",
        Verdict::Differs => "of another time",
        Verdict::SourceSaysOther => "its source puts another first",
        Verdict::NotYet => "not yet in effect",
        Verdict::Ended => "no longer in effect",
        Verdict::NotCounting => "annulled or ended",
        Verdict::NoAuthority => "evidence only: no authority",
    };
    [
        format!("  {}", told.record_key),
        value_text(&told.value),
        told.rank.map_or_else(|| "none".to_owned(), |rank| nth(rank.saturating_add(1))),
        told.standing.as_str().to_owned(),
        or_dash(told.valid_from),
        or_dash(told.valid_to),
        or_dash(told.recorded_at.map(|at| at.date_naive())),
        verdict.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_told_with_its_place_in_authority() {
        for (name, told) in [
            (
                "npd.sex/joint_verification/1",
                "rule joint_verification, as the second in authority (npd.sex/joint_verification/1)",
            ),
            ("npd.phone/0", "the item's own order, as the first in authority (npd.phone/0)"),
            ("npd.pin/register", "rule npd.pin/register"),
            ("decision/7f", "decision 7f"),
        ] {
            assert_eq!(rule(name), told);
        }
    }
}
