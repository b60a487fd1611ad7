//! What an adoption has made a family secret (Law on Adoption 52/2010/QH12) is left out of what is shown, without a word: a
//! person who was adopted looks like any other. Who has a purpose says so, and the view is noted for good.

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, Utc};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use registry_rules::{Explanation, FieldName, PersonId, RecordKey, StandingField};
use registry_store::{
    CaseView, FamilySecrets, FieldView, HistoryEntry, PersonView, SecretView, family_secrets,
    note_secret_view,
};
use sqlx::PgPool;
use std::collections::BTreeMap;

use crate::classed::ResultExt as _;

/// Shorter ones say nothing.
const SHORTEST_PURPOSE: usize = 10;
/// Longer ones are no purpose.
const LONGEST_PURPOSE: usize = 500;

/// The switches `--purpose` and `--as`.
#[derive(Debug, Args)]
pub(crate) struct Purpose {
    /// Shows also what an adoption has made a family secret; stands in the registry's log of views, with who asked.
    #[arg(long, value_name = "TEXT", value_parser = purpose, requires = "user")]
    purpose: Option<String>,
    /// Who asks; with `--purpose`.
    #[arg(long = "as", value_name = "USER", env = "DANSYNC_USER", value_parser = NonEmptyStringValueParser::new())]
    user: Option<String>,
}

fn purpose(text: &str) -> Result<String, String> {
    let text = text.trim();
    if (SHORTEST_PURPOSE..=LONGEST_PURPOSE).contains(&text.chars().count()) {
        return Ok(text.to_owned());
    }
    Err(format!("write what it is for, in {SHORTEST_PURPOSE} to {LONGEST_PURPOSE} characters"))
}

impl Purpose {
    /// What must be left out. With a purpose nothing, once the view is noted.
    pub(super) async fn secrets(
        &self,
        pool: &PgPool,
        person: PersonId,
        command: &str,
    ) -> anyhow::Result<FamilySecrets> {
        if !self.is_given() {
            return family_secrets(pool, person).await.classed();
        }
        self.note(pool, person, command).await?;
        Ok(FamilySecrets::default())
    }

    /// Whether there is one.
    pub(super) const fn is_given(&self) -> bool {
        self.purpose.is_some()
    }

    /// Notes the view of a person, before anything is shown.
    pub(super) async fn note(&self, pool: &PgPool, person: PersonId, command: &str) -> anyhow::Result<()> {
        let Some(purpose) = &self.purpose else { return Ok(()) };
        // The command line sees to it that there is one.
        let viewer = self.user.as_deref().unwrap_or_default();
        note_secret_view(pool, &SecretView { viewer, person, purpose, command })
            .await
            .classed()
            .context("the view could not be noted, so nothing is shown")
    }
}

/// A value's record, unless it tells of the secret.
fn hide_record(secrets: &FamilySecrets, record_key: &mut Option<RecordKey>) {
    record_key.take_if(|key| secrets.hides_record(key));
}

/// How values stand by the records that do not tell of a secret; nothing where there is none.
pub(super) type Standing = BTreeMap<FieldName, FieldView>;

/// Leaves out of a person, as of a day and as known at a moment (none: now), what is secret. A value that other records give too
/// stands by those (`standing`), as it does of anybody who has no such act: a value without a record would say that there is one.
pub(super) fn redact_view(
    view: &mut PersonView,
    secrets: &FamilySecrets,
    mut standing: Standing,
    (day, known): (Option<NaiveDate>, Option<DateTime<Utc>>),
) {
    if let Some(day) = day {
        view.fields.retain(|name, _| !secrets.hides(name, day, known));
    }
    for (name, field) in &mut view.fields {
        if let Some(seen) = standing.remove(name).filter(|seen| seen.value.says_the_same(&field.value)) {
            *field = seen;
        }
        hide_record(secrets, &mut field.record_key);
    }
    view.records.retain(|record| !secrets.hides_record(&record.record_key));
    for record in &mut view.records {
        record.anchor.take_if(|anchor| secrets.hides_anchor(anchor));
    }
    view.cases.retain_mut(|case| redact_case(case, secrets));
}

/// Leaves out of an open question the records that tell of the secret; `false`: it is about nothing else.
fn redact_case(case: &mut CaseView, secrets: &FamilySecrets) -> bool {
    let hides = |key: &String| {
        RecordKey::try_from(key.clone()).is_ok_and(|record_key| secrets.hides_record(&record_key))
    };
    let (all, subject) = (case.record_keys.len(), case.subject.strip_prefix("record:"));
    case.record_keys.retain(|key| !hides(key));
    case.records.retain(|record| !secrets.hides_record(&record.record_key));
    (all == 0 || !case.record_keys.is_empty()) && !subject.is_some_and(|key| hides(&key.to_owned()))
}

/// Leaves out of explanations what is secret.
pub(super) fn redact_explanations(
    told: &mut Vec<Explanation>,
    secrets: &FamilySecrets,
    day: NaiveDate,
    known: Option<DateTime<Utc>>,
) {
    told.retain(|one| !secrets.hides(&one.field, day, known));
    for one in told {
        one.statements.retain(|statement| !secrets.hides_record(&statement.record_key));
        one.decisions.retain(|decision| !secrets.hides_record(&decision.takes));
        if let Some(StandingField { record_key, .. }) = &mut one.stands {
            hide_record(secrets, record_key);
        }
    }
}

/// Leaves out of what the registry said what is secret.
pub(super) fn redact_history(versions: &mut [HistoryEntry], secrets: &FamilySecrets) {
    for HistoryEntry { received_at, image } in versions {
        let (day, at) = (image.business_date, *received_at);
        image.fields.retain(|name, _| !secrets.hides(name, day, Some(at)));
        image.fields.values_mut().for_each(|field| hide_record(secrets, &mut field.record_key));
    }
}
