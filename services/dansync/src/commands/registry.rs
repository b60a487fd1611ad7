//! `dansync registry`: persons as the registry knows them. Values are shown on standard output only.

use std::io::{self, Write};

use anyhow::{Context as _, bail};
use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand};
use registry_rules::{FingerprintKey, PersonId};
use registry_store::{FamilySecrets, Inquiry, MatcherAt, Moment, PersonView, RecordView, RegistryState};
use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};
use sqlx::PgPool;

use super::registry_explain::Explain;
use super::registry_history::ShowHistory;
use super::registry_moment::{Asking, At, hash_at, inquire, instant};
use super::registry_rebuild::Rebuild;
use super::registry_secret::{Purpose, Standing, redact_view};
use crate::classed::ResultExt as _;
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::{self, ConfigFile, registry_pool};
use crate::table::write_table;
use crate::value_text::{or_dash, value_text};

/// Ids that lead on to another: longer chains than this would be a fault of ours.
const MOST_REDIRECTS: usize = 16;

/// Said of an id; whether it is one of ours is not to be seen before something is published.
pub(super) const UNPUBLISHED: &str = "the registry has published nothing of this person: the id is unknown, or the first load is not \
     through (`dansync registry hash` says what is left of it)";

/// `dansync registry`.
#[derive(Debug, Subcommand)]
pub(crate) enum Registry {
    /// One person: what stands and why, the records behind it, the open questions.
    #[command(after_help = "Examples:
  dansync registry show 001190000002 --config /etc/dansync/reconciler.toml
  dansync registry show civil_status/birth/17/child --config /etc/dansync/reconciler.toml -o json
  dansync registry show 001190000002 --as-of 2019-06-30 --as-known 2026-03-01T09:30:00+07:00 \\
    --config /etc/dansync/reconciler.toml")]
    Show(OnePerson),
    /// What was received of a person, what the registry said, and what became of the ids; with both times of each.
    #[command(after_help = "Examples:
  dansync registry history 001190000002 --config /etc/dansync/reconciler.toml
  dansync registry history 001190000002 --as-known 2026-03-01 --limit 50 --config /etc/dansync/reconciler.toml")]
    History(ShowHistory),
    /// Why a value stands: the rule and article, what other records say, who decided.
    #[command(after_help = "Examples:
  dansync registry explain 001190000002 date_of_birth --config /etc/dansync/reconciler.toml
  dansync registry explain 001190000002 --as-of 2019-06-30 --config /etc/dansync/reconciler.toml -o json")]
    Explain(Explain),
    /// One number that says whether two registries hold the same; reads the whole registry.
    #[command(after_help = "Examples:
  dansync registry hash --config /etc/dansync/reconciler.toml -o json
  dansync registry hash --as-known 2026-03-01 --config /etc/dansync/reconciler.toml")]
    Hash(Whole),
    /// Make anew what is derived, from what is kept.
    #[command(subcommand)]
    Rebuild(Rebuild),
}

/// Which person.
#[derive(Debug, Args)]
pub(crate) struct OnePerson {
    /// Person id, personal identification number, record key or anchor.
    #[arg(value_name = "PERSON")]
    person: String,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    purpose: Purpose,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// The whole registry.
#[derive(Debug, Args)]
pub(crate) struct Whole {
    /// That which a registry would have that had received only what came by this instant (RFC 3339), or by the end of this
    /// day in Vietnam; worked out anew from the kept versions.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    as_known: Option<DateTime<Utc>>,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

impl Registry {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::Show(one) => one.execute(),
            Self::History(history) => history.execute(),
            Self::Explain(explain) => explain.execute(),
            Self::Rebuild(rebuild) => rebuild.execute(),
            Self::Hash(whole) => whole.execute(),
        }
    }
}

impl Whole {
    fn execute(self) -> anyhow::Result<()> {
        if let Some(as_known) = self.as_known {
            let settings: Asking = self.file.sections()?;
            let hash = executor::run(hash_at(&settings, as_known))?;
            return self.output.show(&PastHash { version: 1, state_hash: hash.to_string(), as_known });
        }
        let settings: settings::Registry = self.file.sections()?;
        let (state, matcher) = executor::run(async {
            let pool = registry_pool(&settings.registry)?;
            // Before the state: a matcher that was at rest then has changed nothing in it since.
            let matcher = registry_store::matcher_at(&pool).await.classed()?;
            anyhow::Ok((registry_store::registry_state(&pool).await.classed()?, matcher))
        })?;
        self.output.show(&Totals::of(&state, &matcher))
    }
}

impl OnePerson {
    fn execute(self) -> anyhow::Result<()> {
        if self.at.is_given() {
            return self.execute_at();
        }
        let settings: settings::Registry = self.file.sections()?;
        let shown = executor::run(async {
            let pool = registry_pool(&settings.registry)?;
            let mut shown = show(&pool, find(&pool, &self.person).await?).await?;
            let secrets = self.purpose.secrets(&pool, shown.view.person_id, "registry show").await?;
            let standing = self.standing_without(&pool, shown.view.person_id, &secrets).await?;
            redact_view(&mut shown.view, &secrets, standing, (None, None));
            anyhow::Ok(shown)
        })?;
        self.output.show(&shown)
    }

    /// How a person's values stand by the records that tell of no secret; read only where there is one.
    async fn standing_without(
        &self,
        pool: &PgPool,
        person: PersonId,
        secrets: &FamilySecrets,
    ) -> anyhow::Result<Standing> {
        if secrets.is_empty() {
            return Ok(Standing::new());
        }
        // No question is shown of what this gives, so its fingerprints are nobody's.
        let key = FingerprintKey::new([0; 32]);
        let inquiry = Inquiry::open(pool, &person.to_string(), Moment::default(), &key).await.classed()?;
        Ok(inquiry.map(|inquiry| inquiry.standing_without(secrets)).unwrap_or_default())
    }

    fn execute_at(&self) -> anyhow::Result<()> {
        let settings: Asking = self.file.sections()?;
        let (inquiry, secrets) = executor::run(async {
            let inquiry = inquire(&settings, &self.person, self.at).await?;
            let pool = settings.pool()?;
            let secrets = self.purpose.secrets(&pool, inquiry.person_id(), "registry show").await?;
            anyhow::Ok((inquiry, secrets))
        })?;
        let mut view = inquiry.view();
        let when = (Some(inquiry.day), self.at.moment().known);
        redact_view(&mut view, &secrets, inquiry.standing_without(&secrets), when);
        let past = Past { as_of: inquiry.day, as_known: self.at.moment().known, rule_set: inquiry.rule_set };
        self.output.show(&Shown { asked: view.person_id, view, past: Some(past) })
    }
}

/// The person that was asked for. The text may be a number, so that no error repeats it.
pub(super) async fn find(pool: &PgPool, text: &str) -> anyhow::Result<PersonId> {
    registry_store::find_person(pool, text)
        .await
        .classed()?
        .context("the registry has no person with this id, number, record key or anchor")
}

/// The person under the id that stands now.
async fn show(pool: &PgPool, asked: PersonId) -> anyhow::Result<Shown> {
    let mut person = asked;
    for _ in 0..MOST_REDIRECTS {
        let view = registry_store::show_person(pool, person).await.classed()?.context(UNPUBLISHED)?;
        match view.merged_into {
            Some(into) => person = into,
            None => return Ok(Shown { asked, view, past: None }),
        }
    }
    bail!("{asked} leads on without end")
}

/// A person with the keys that outside programs rely on (design §9).
#[derive(Debug)]
struct Shown {
    asked: PersonId,
    view: PersonView,
    past: Option<Past>,
}

/// Another time than now.
#[derive(Debug)]
struct Past {
    as_of: NaiveDate,
    as_known: Option<DateTime<Utc>>,
    rule_set: String,
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let view = &self.view;
        let keys = if self.past.is_some() { 8 } else { 5 };
        let mut person = serializer.serialize_struct("Person", keys)?;
        person.serialize_field("person_id", &view.person_id)?;
        person.serialize_field("pins", &view.pins)?;
        person.serialize_field("fields", &view.fields)?;
        person.serialize_field("records", &view.records)?;
        person.serialize_field("cases", &view.cases)?;
        if let Some(past) = &self.past {
            person.serialize_field("as_of", &past.as_of)?;
            person.serialize_field("as_known", &past.as_known)?;
            person.serialize_field("rule_set", &past.rule_set)?;
        }
        person.end()
    }
}

impl Answer for Shown {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let view = &self.view;
        writeln!(out, "person {}, {}, version {}", view.person_id, view.lifecycle.as_str(), view.version)?;
        if self.asked != view.person_id {
            writeln!(out, "asked for {}, which leads here", self.asked)?;
        }
        if let Some(past) = &self.past {
            let known = or_dash(past.as_known.map(|at| at.to_rfc3339()));
            writeln!(out, "on {}, as known at {known}, by rules {}", past.as_of, past.rule_set)?;
        }
        for pin in &view.pins {
            writeln!(out, "number {} {}", pin.value, pin.state.as_str())?;
        }
        let fields: Vec<_> = view
            .fields
            .iter()
            .map(|(name, field)| {
                let value = value_text(&field.value);
                let record = or_dash(field.record_key.as_ref());
                [
                    name.to_string(),
                    value,
                    field.state.as_str().to_owned(),
                    record,
                    field.rule.clone(),
                    field.article.clone(),
                ]
            })
            .collect();
        writeln!(out)?;
        write_table(out, ["FIELD", "VALUE", "STATE", "RECORD", "RULE", "ARTICLE"], &fields)?;
        writeln!(out)?;
        let records: Vec<_> = view.records.iter().map(record_row).collect();
        write_table(out, ["RECORD", "KIND", "STANDING", "FROM", "TO", "VERSION", "ATTACHED BY"], &records)?;
        let cases: Vec<_> = view
            .cases
            .iter()
            .map(|case| {
                let since = case.opened_at.date_naive().to_string();
                [case.case_id.clone(), case.kind.clone(), or_dash(case.field.as_ref()), since]
            })
            .collect();
        if !cases.is_empty() {
            writeln!(out)?;
        }
        write_table(out, ["OPEN CASE", "KIND", "FIELD", "SINCE"], &cases)
    }
}

fn record_row(record: &RecordView) -> [String; 7] {
    let rule = match record.attach_rule {
        1 => "steward",
        2 => "number",
        3 => "source key",
        4 => "score",
        5 => "itself",
        _ => "-",
    };
    [
        record.record_key.to_string(),
        record.kind.clone(),
        record.standing.as_str().to_owned(),
        or_dash(record.valid_from),
        or_dash(record.valid_to),
        record.version.clone(),
        rule.to_owned(),
    ]
}

/// What the registry holds, in numbers.
#[derive(Debug, Serialize)]
struct Totals {
    version: u32,
    state_hash: String,
    persons_live: i64,
    persons_merged: i64,
    cases_open: i64,
    due: i64,
    load_slices: i64,
    /// `off`, `sweeping` or `live`.
    matcher: &'static str,
    /// Rows and source keys that wait for it.
    matcher_waiting: i64,
}

impl Totals {
    fn of(state: &RegistryState, matcher: &MatcherAt) -> Self {
        let counts = state.counts;
        let (matcher, matcher_waiting) = match matcher {
            MatcherAt::Off => ("off", 0),
            MatcherAt::Sweeping => ("sweeping", 0),
            MatcherAt::Live(waiting) => ("live", *waiting),
        };
        Self {
            version: 1,
            state_hash: state.hash.to_string(),
            persons_live: counts.persons_live,
            persons_merged: counts.persons_merged,
            cases_open: counts.cases_open,
            due: counts.due,
            load_slices: counts.slices,
            matcher,
            matcher_waiting,
        }
    }
}

/// What the registry held at another time.
#[derive(Debug, Serialize)]
struct PastHash {
    version: u32,
    state_hash: String,
    as_known: DateTime<Utc>,
}

impl Answer for PastHash {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.state_hash)
    }
}

impl Answer for Totals {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.state_hash)?;
        let Self { persons_live, persons_merged, cases_open, .. } = self;
        writeln!(out, "{persons_live} persons, {persons_merged} merged ids, {cases_open} open cases")?;
        if self.due > 0 || self.load_slices > 0 {
            let Self { due, load_slices, .. } = self;
            writeln!(out, "not at rest: {due} persons due, {load_slices} slices of the first load left")?;
        }
        if self.matcher == "sweeping" {
            writeln!(
                out,
                "not at rest: the matcher sweeps, and what no number places may come to stand elsewhere"
            )?;
        } else if self.matcher_waiting > 0 {
            writeln!(out, "not at rest: {} rows and keys wait for the matcher", self.matcher_waiting)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use registry_rules::{Lifecycle, PinStanding, PinState};

    use super::*;

    #[test]
    fn a_person_has_the_keys_that_outside_programs_rely_on() {
        let view = PersonView {
            person_id: PersonId::nil(),
            version: 1,
            lifecycle: Lifecycle::Active,
            merged_into: None,
            absorbed: Vec::new(),
            pins: vec![PinState { value: "001190000002".to_owned(), state: PinStanding::Current }],
            fields: BTreeMap::new(),
            records: Vec::new(),
            cases: Vec::new(),
        };
        let shown = serde_json::to_value(Shown { asked: PersonId::nil(), view, past: None }).unwrap();
        let keys: Vec<&String> = shown.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["person_id", "pins", "fields", "records", "cases"]);
        assert_eq!(shown["pins"][0], serde_json::json!({"value": "001190000002", "state": "current"}));
    }
}
