//! `dansync registry explain`: why each value stands. Values are shown on standard output only.

use std::io::{self, Write};

use anyhow::bail;
use chrono::{DateTime, NaiveDate, Utc};
use clap::Args;
use registry_rules::{Explained, Explanation, FieldName, FieldNameError, PersonId, Verdict};
use registry_store::Inquiry;
use serde::Serialize;

use super::registry_moment::{Asking, At, inquire};
use super::registry_secret::{Purpose, redact_explanations};
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
        let (inquiry, secrets) = executor::run(async {
            let inquiry = inquire(&settings, &self.person, self.at).await?;
            let pool = settings.pool()?;
            let secrets = self.purpose.secrets(&pool, inquiry.person_id(), "registry explain").await?;
            anyhow::Ok((inquiry, secrets))
        })?;
        if let Some(field) = self.field.as_ref().filter(|field| !inquiry.knows(field)) {
            bail!("FIELD: the rules in force then have no item {field}; `dansync rules show` lists them");
        }
        let mut told = Told::of(&inquiry, self.field.as_ref(), self.at);
        redact_explanations(&mut told.fields, &secrets, inquiry.day, self.at.moment().known);
        self.output.show(&told)
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
    fields: Vec<Explanation>,
}

impl Told {
    fn of(inquiry: &Inquiry, field: Option<&FieldName>, at: At) -> Self {
        Self {
            version: 1,
            person_id: inquiry.person_id(),
            as_of: inquiry.day,
            as_known: at.moment().known,
            rule_set: inquiry.rule_set.clone(),
            fields: inquiry.explain(field),
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

fn write_field(out: &mut dyn Write, told: &Explanation) -> io::Result<()> {
    writeln!(out, "\n{}, article {} of Law 26/2023/QH15", told.field, told.article)?;
    match &told.stands {
        None => writeln!(out, "  nothing stands")?,
        Some(stands) => {
            let (value, state) = (value_text(&stands.value), stands.state.as_str());
            writeln!(
                out,
                "  {value}: {state} by {}, from {}",
                stands.rule,
                or_dash(stands.record_key.as_ref())
            )?;
        }
    }
    if let Some(ground) = &told.ground {
        writeln!(out, "  on the ground of {ground}")?;
    }
    if told.open_case {
        writeln!(out, "  a case about it is open")?;
    }
    let rows: Vec<_> = told.statements.iter().map(statement_row).collect();
    write_table(out, ["  RECORD", "SAYS", "RANK", "STANDING", "FROM", "TO", "RECORDED", "VERDICT"], &rows)?;
    for decision in &told.decisions {
        let force = match (decision.in_force, decision.followed) {
            (_, true) => "in force, its value stands",
            (true, false) => "in force, its record says something else now",
            (false, false) => "not in force",
        };
        let at = decision.decided_at.to_rfc3339();
        writeln!(out, "  decision {} of {at} takes {}: {force}", decision.decision_id, decision.takes)?;
        if let Some(reversed) = &decision.reverses {
            writeln!(out, "    takes back decision {reversed}")?;
        }
    }
    Ok(())
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
        Verdict::NoAuthority => "no authority",
    };
    [
        format!("  {}", told.record_key),
        value_text(&told.value),
        or_dash(told.rank),
        told.standing.as_str().to_owned(),
        or_dash(told.valid_from),
        or_dash(told.valid_to),
        or_dash(told.recorded_at.map(|at| at.date_naive())),
        verdict.to_owned(),
    ]
}
