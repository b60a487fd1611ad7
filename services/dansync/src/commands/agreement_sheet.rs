//! `dansync agreement show`: one version of an agreement, as it was signed.

use std::io::{self, Write};

use anyhow::Context as _;
use disclosure_store::AgreementListing;
use registry_rules::{Agreement, Mode};
use serde::Serialize;
use service_runtime::ExitClass;
use sqlx::PgPool;

use super::agreement::catalogue;
use crate::classed::ResultExt as _;
use crate::output::Answer;
use crate::value_text::or_dash;

/// Reads one version; without a number the one in force, else the newest.
pub(super) async fn sheet(pool: &PgPool, name: &str, version: Option<u32>) -> anyhow::Result<Sheet> {
    let all = disclosure_store::list_agreements(pool).await.classed()?;
    let listed = all.into_iter().find(|listed| listed.agreement == name);
    let listed = listed.with_context(|| format!("there is no agreement {name}; import it first"))?;
    let shown = version.map_or_else(|| listed.version.unwrap_or(listed.newest_version), u32::cast_signed);
    let mut connection = pool.acquire().await.classed()?;
    let document = disclosure_store::document(&mut connection, name, shown).await.classed()?;
    let document = document.with_context(|| format!("agreement {name} has no version {shown}"))?;
    let agreement = Agreement::parse(&document, &catalogue()?).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::Error::msg(faults.join("\n")).context(ExitClass::BadData)
    })?;
    Ok(Sheet {
        version: 1,
        line: listed.into(),
        shown_version: shown,
        subscriber: agreement.subscriber,
        purpose: agreement.purpose,
        legal_basis: agreement.legal_basis,
        modes: agreement.modes.into_iter().map(Mode::as_str).collect(),
        fields: agreement.fields.into_iter().collect(),
        document,
    })
}

/// One agreement in a line.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    /// Its name.
    pub(super) agreement: String,
    /// Where it stands.
    pub(super) state: String,
    /// The version in force.
    pub(super) in_force: Option<i32>,
    /// The newest that was imported.
    pub(super) newest_version: i32,
    /// Of its topic.
    pub(super) generation: i32,
}

impl From<AgreementListing> for Line {
    fn from(listed: AgreementListing) -> Self {
        let AgreementListing { agreement, state, version, newest_version, generation } = listed;
        Self { agreement, state, in_force: version, newest_version, generation }
    }
}

/// One version.
#[derive(Debug, Serialize)]
pub(super) struct Sheet {
    version: u32,
    #[serde(flatten)]
    line: Line,
    shown_version: i32,
    subscriber: String,
    purpose: String,
    legal_basis: Vec<String>,
    modes: Vec<&'static str>,
    fields: Vec<String>,
    /// As imported.
    document: String,
}

impl Answer for Sheet {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Line { agreement, state, in_force, newest_version, generation } = &self.line;
        let in_force = or_dash(*in_force);
        writeln!(
            out,
            "# {agreement}: {state}, in force {in_force}, newest {newest_version}, topic generation {generation}"
        )?;
        writeln!(out, "# version {}:", self.shown_version)?;
        writeln!(out, "{}", self.document.trim_end())
    }
}
