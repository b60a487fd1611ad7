//! What an adoption has made a family secret (Law on Adoption 52/2010/QH12) is left out of what is shown, without a word: a
//! person who was adopted looks like any other. Who has a purpose says so, and the view is noted for good.

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, Utc};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use registry_rules::{Explanation, PersonId, RecordKey, StandingField};
use registry_store::{
    FamilySecrets, HistoryEntry, PersonView, RecordHistory, SecretView, family_secrets, note_secret_view,
};
use sqlx::PgPool;

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
        let Some(purpose) = &self.purpose else { return family_secrets(pool, person).await.classed() };
        // The command line sees to it that there is one.
        let viewer = self.user.as_deref().unwrap_or_default();
        note_secret_view(pool, &SecretView { viewer, person, purpose, command })
            .await
            .classed()
            .context("the view could not be noted, so nothing is shown")?;
        Ok(FamilySecrets::default())
    }
}

/// A value's record, unless it tells of the secret.
fn hide_record(secrets: &FamilySecrets, record_key: &mut Option<RecordKey>) {
    record_key.take_if(|key| secrets.hides_record(key));
}

/// Leaves out of a person, as of a day and as known at a moment (none: now), what is secret.
pub(super) fn redact_view(
    view: &mut PersonView,
    secrets: &FamilySecrets,
    day: Option<NaiveDate>,
    known: Option<DateTime<Utc>>,
) {
    if let Some(day) = day {
        view.fields.retain(|name, _| !secrets.hides(name, day, known));
    }
    view.fields.values_mut().for_each(|field| hide_record(secrets, &mut field.record_key));
    view.records.retain(|record| !secrets.hides_record(&record.record_key));
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
        if let Some(StandingField { record_key, .. }) = &mut one.stands {
            hide_record(secrets, record_key);
        }
    }
}

/// Leaves out of what the registry said, and was told, what is secret.
pub(super) fn redact_history(
    versions: &mut [HistoryEntry],
    records: &mut Vec<RecordHistory>,
    secrets: &FamilySecrets,
) {
    for HistoryEntry { received_at, image } in versions {
        let (day, at) = (image.business_date, *received_at);
        image.fields.retain(|name, _| !secrets.hides(name, day, Some(at)));
        image.fields.values_mut().for_each(|field| hide_record(secrets, &mut field.record_key));
    }
    records.retain(|record| !secrets.hides_record(&record.record_key));
}
