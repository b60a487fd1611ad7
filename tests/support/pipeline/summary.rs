//! Whether it all adds up: per source and per agreement, from counts and digests taken at a fence.

use serde::Serialize;
use std::collections::BTreeMap;

/// The form of `demo --json`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Of this form.
    pub version: u32,
    /// Of the synthetic population.
    pub seed: u64,
    /// By source.
    pub sources: BTreeMap<String, SourceSummary>,
    /// The registry.
    pub registry: RegistrySummary,
    /// By agreement.
    pub agreements: BTreeMap<String, AgreementSummary>,
    /// What took how long.
    pub seconds: BTreeMap<String, f64>,
    /// No difference was found.
    pub adds_up: bool,
    /// What does not add up, in words.
    pub differences: Vec<String>,
}

/// One source database.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SourceSummary {
    /// Rows in the mapped tables at the fence.
    pub rows: u64,
    /// Rows that the registry holds with equal content.
    pub rows_mapped: u64,
    /// Rows that could not be read.
    pub rows_quarantined: u64,
    /// Messages below the fence, markers aside.
    pub records: u64,
}

/// The population registry.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RegistrySummary {
    /// Records whose content was new.
    pub applied: u64,
    /// Records that only moved the version.
    pub no_change: u64,
    /// Records of a version already held.
    pub duplicate: u64,
    /// Records of an older version than held.
    pub stale: u64,
    /// Records that could not be understood.
    pub quarantined: u64,
    /// Persons that stand.
    pub persons_live: u64,
    /// Ids that lead to another.
    pub persons_merged: u64,
    /// Questions for stewards.
    pub cases_open: u64,
    /// Design §6.
    pub state_hash: String,
}

/// One agreement.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AgreementSummary {
    /// Persons in it, counted by an evaluator that is not the dispatcher's.
    pub population: u64,
    /// Rows in the sector's table.
    pub held: u64,
    /// Releases authorised.
    pub authorised: u64,
    /// Releases that arrived.
    pub delivered: u64,
    /// Releases overtaken by a newer one before they left.
    pub superseded: u64,
    /// Releases taken back before they left.
    pub withdrawn: u64,
}

impl Summary {
    /// Adds up and writes down every difference.
    pub fn close(&mut self) {
        let mut found = Vec::new();
        let mut same = |left: u64, right: u64, what: String| {
            if left != right {
                found.push(format!("{what}: {left} is not {right}"));
            }
        };
        let mut records = 0;
        for (name, s) in &self.sources {
            same(s.rows, s.rows_mapped + s.rows_quarantined, format!("{name}: rows = mapped + quarantined"));
            records += s.records;
        }
        let r = &self.registry;
        same(
            records,
            r.applied + r.no_change + r.duplicate + r.stale + r.quarantined,
            "records = sum of the outcomes".to_owned(),
        );
        for (name, a) in &self.agreements {
            same(a.population, a.held, format!("{name}: population = rows in the sector"));
            same(
                a.authorised,
                a.delivered + a.superseded + a.withdrawn,
                format!("{name}: authorised = delivered + superseded + withdrawn"),
            );
        }
        self.differences.append(&mut found);
        self.adds_up = self.differences.is_empty();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_named() {
        let mut summary = Summary::default();
        summary.sources.insert(
            "civil_status".to_owned(),
            SourceSummary { rows: 3, rows_mapped: 1, rows_quarantined: 1, records: 4 },
        );
        summary.registry.applied = 3;
        summary.agreements.insert(
            "education".to_owned(),
            AgreementSummary { population: 2, held: 2, authorised: 5, delivered: 4, ..Default::default() },
        );
        summary.close();
        assert!(!summary.adds_up);
        assert_eq!(
            summary.differences,
            [
                "civil_status: rows = mapped + quarantined: 3 is not 2",
                "records = sum of the outcomes: 4 is not 3",
                "education: authorised = delivered + superseded + withdrawn: 5 is not 4",
            ]
        );
    }
}
