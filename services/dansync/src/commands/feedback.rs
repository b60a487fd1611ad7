//! `dansync feedback`: reports of errors in the data, by who holds it or by the citizen, and what became of them.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use event_log::{
    Admin, ConsumedRecord, IdempotentProducer, Message as _, MessageReader, OutgoingRecord, SchemaRegistry,
    UnknownFields, put_wire_header,
};
use registry_rules::{Answer as RegistryAnswer, ErrorReport, FEEDBACK, FieldCatalogue, RecordKey};
use serde::Serialize;
use service_runtime::ExitClass;

use super::control::{self, ControlSettings};
use super::rules::kept_set;
use crate::classed::ResultExt as _;
use crate::executor;
use crate::output::{Answer, Output};
use crate::settings::{ConfigFile, registry_pool};
use crate::table::write_table;
use crate::value_text::or_dash;

/// Reports of one file: a day's of a large agency, and what a person can still look through.
const MOST_REPORTS: usize = 10_000;

/// `dansync feedback`.
#[derive(Debug, Subcommand)]
pub(crate) enum Feedback {
    /// Hand in reports of errors: a JSON object a line. All of them are checked before any is sent.
    #[command(after_help = "Example:
  dansync feedback send reports.jsonl --config /etc/dansync/reconciler.toml

A line:
  {\"report_id\":\"6f1c9f6e-0d1f-4a52-8f0e-3f2a8f1f6f10\",\"reporter\":\"vss_insurance\",\"pin\":\"…\",\"field\":\"npd.birth_name\",
   \"fault\":\"wrong_value\",\"proposed\":\"…\",\"explanation\":\"…\",\"reported_at\":\"2026-11-28T09:00:00Z\"}
reporter: the agreement under which the item is held, or 'citizen'. fault: wrong_value, outdated, missing, other_person.
Sent again under the same report_id with a later reported_at, it stands corrected; with \"withdrawn\":true it is taken back.")]
    Send(Send),
    /// What became of reports, the newest word about each: held (case, deadline), decided, accepted, rejected (why, way out).
    #[command(after_help = "Example:
  dansync feedback answers --reporter vss_insurance --config /etc/dansync/reconciler.toml")]
    Answers(Answers),
}

/// `dansync feedback send`.
#[derive(Debug, Args)]
pub(crate) struct Send {
    /// The reports.
    #[arg(value_name = "FILE")]
    reports: PathBuf,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// `dansync feedback answers`.
#[derive(Debug, Args)]
pub(crate) struct Answers {
    /// Of one reporter: an agreement, or `citizen`.
    #[arg(long, value_name = "REPORTER")]
    reporter: Option<String>,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    output: Output,
}

impl Feedback {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::Send(send) => send.execute(),
            Self::Answers(answers) => answers.execute(),
        }
    }
}

impl Send {
    fn execute(self) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(&self.reports)
            .with_context(|| format!("{} cannot be read", self.reports.display()))
            .context(ExitClass::Configuration)?;
        let settings: ControlSettings = self.file.sections()?;
        let reports = executor::run(async {
            let catalogue = in_force(&settings).await?;
            let reports = read(&text, &catalogue).context(ExitClass::BadData)?;
            send(&settings, &reports).await?;
            Ok(reports)
        })?;
        self.output.show(&Sent { version: 1, reports: reports.into_iter().map(|(key, _)| key).collect() })
    }
}

/// The catalogue of the rules in force.
async fn in_force(settings: &ControlSettings) -> anyhow::Result<FieldCatalogue> {
    let pool = registry_pool(&settings.registry)?;
    let (present, _) = control::present(&pool).await?;
    kept_set(&pool, &present.rule_set).await
}

/// The reports of a file with their keys; what is wrong is told by line, without values.
fn read(text: &str, catalogue: &FieldCatalogue) -> anyhow::Result<Vec<(RecordKey, ErrorReport)>> {
    let mut reports = Vec::new();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let at = n + 1;
        // Serde's own words may repeat a value.
        let report: ErrorReport = serde_json::from_str(line).map_err(|error| {
            anyhow::anyhow!(
                "line {at}, column {}: no report; its form: dansync feedback send --help",
                error.column()
            )
        })?;
        let record = report.record().with_context(|| format!("line {at}"))?;
        let known = report.field.parse().ok().is_some_and(|name| catalogue.get(&name).is_some());
        if !known {
            bail!(
                "line {at}: field: no item of the catalogue; name it as the agreement does: npd.birth_name"
            );
        }
        reports.push((record.record_key, report));
        if reports.len() > MOST_REPORTS {
            bail!("more than {MOST_REPORTS} reports; hand them in by several files");
        }
    }
    Ok(reports)
}

async fn send(settings: &ControlSettings, reports: &[(RecordKey, ErrorReport)]) -> anyhow::Result<()> {
    let schema = ErrorReport::schema();
    let id = SchemaRegistry::new(&settings.schema_registry).ensure_embedded(schema).await.classed()?;
    let fingerprint = schema.fingerprint().context(ExitClass::Bug)?;
    let topic = settings.kafka.topics().feedback();
    let mut records = Vec::with_capacity(reports.len());
    for (key, report) in reports {
        let mut payload = Vec::new();
        put_wire_header(id, &mut payload);
        report.encode(&mut payload).context(ExitClass::Bug)?;
        records.push(OutgoingRecord::new(&topic, key.as_str(), payload).with_fingerprint(fingerprint));
    }
    IdempotentProducer::open(&settings.kafka).await.classed()?.send(records).await.classed()
}

impl Answers {
    fn execute(self) -> anyhow::Result<()> {
        let settings: ControlSettings = self.file.sections()?;
        let found = executor::run(async {
            let topic = settings.kafka.topics().answers(FEEDBACK);
            // The registry's adapter makes it with the first answer.
            if Admin::open(&settings.kafka).classed()?.partition_count(&topic).await.classed()? == 0 {
                return Ok(Vec::new());
            }
            let newest = event_log::read_newest(&settings.kafka, &topic).await.classed()?;
            let mut reader =
                MessageReader::new(SchemaRegistry::new(&settings.schema_registry), UnknownFields::LeaveOut);
            let mut rows = Vec::with_capacity(newest.len());
            for record in newest.values() {
                rows.extend(row(&mut reader, record).await?);
            }
            Ok(rows)
        })?;
        let asked = |row: &Row| self.reporter.as_ref().is_none_or(|reporter| row.reporter == *reporter);
        self.output.show(&Listing { version: 1, answers: found.into_iter().filter(asked).collect() })
    }
}

/// An answer as a row; none for a message that is none.
async fn row(
    reader: &mut MessageReader<RegistryAnswer>,
    record: &ConsumedRecord,
) -> anyhow::Result<Option<Row>> {
    let answer = reader.read(record).await.context("an answer cannot be read")?;
    let key = answer.record_key.as_str().split('/').nth(2).and_then(|own| own.split_once(':'));
    let Some((reporter, report_id)) = key else { return Ok(None) };
    Ok(Some(Row {
        reporter: reporter.to_owned(),
        report_id: report_id.to_owned(),
        outcome: answer.outcome.as_str(),
        field: answer.field,
        detail: answer.detail,
        deadline: answer.deadline,
        reason: answer.reason,
        way_out: answer.way_out,
    }))
}

/// What was handed in.
#[derive(Debug, Serialize)]
struct Sent {
    version: u32,
    /// The records that the reports are kept as.
    reports: Vec<RecordKey>,
}

impl Answer for Sent {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{} reports handed in; what becomes of them: dansync feedback answers",
            self.reports.len()
        )
    }
}

/// What became of reports.
#[derive(Debug, Serialize)]
struct Listing {
    version: u32,
    answers: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    reporter: String,
    report_id: String,
    outcome: &'static str,
    /// The item; with `rejected` the part of the report that is to blame.
    field: Option<String>,
    /// With `held` the case, with `decided` the decision.
    detail: Option<String>,
    deadline: Option<NaiveDate>,
    reason: Option<String>,
    way_out: Option<String>,
}

impl Answer for Listing {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<_> = self
            .answers
            .iter()
            .map(|row| {
                let why =
                    row.reason.as_ref().map(|reason| format!("{reason}: {}", or_dash(row.way_out.as_ref())));
                [
                    row.report_id.clone(),
                    row.reporter.clone(),
                    row.outcome.to_owned(),
                    or_dash(row.field.as_ref()),
                    or_dash(row.detail.as_ref()),
                    or_dash(row.deadline),
                    or_dash(why),
                ]
            })
            .collect();
        write_table(out, ["REPORT", "REPORTER", "OUTCOME", "FIELD", "BY", "UNTIL", "WHY"], &rows)?;
        if rows.is_empty() { writeln!(out, "no answers") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATALOGUE: &str = include_str!("../../../../schemas/field-catalogue.toml");

    fn line(field: &str, fault: &str) -> String {
        format!(
            "{{\"report_id\":\"6f1c9f6e-0d1f-4a52-8f0e-3f2a8f1f6f10\",\"reporter\":\"citizen\",\"pin\":\"001190000001\",\
             \"field\":\"{field}\",\"fault\":\"{fault}\",\"proposed\":\"canary\",\"reported_at\":\"2026-11-28T09:00:00Z\"}}"
        )
    }

    #[test]
    fn reports_are_read_and_what_is_wrong_is_told_by_line_without_values() {
        let catalogue = FieldCatalogue::parse(CATALOGUE).unwrap();
        let good = line("npd.birth_name", "outdated");
        let read_all = read(&format!("{good}\n\n{good}\n"), &catalogue).unwrap();
        assert_eq!(read_all.len(), 2);
        for (bad, words) in [
            (line("npd.shoe_size", "outdated"), ["line 2", "field"]),
            (line("npd.birth_name", "canary"), ["line 2", "--help"]),
            (good.replace("001190000001", "canary"), ["line 2", "pin"]),
        ] {
            let error = format!("{:#}", read(&format!("{good}\n{bad}"), &catalogue).unwrap_err());
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
