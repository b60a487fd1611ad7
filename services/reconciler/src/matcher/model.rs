//! The model by which records are matched: a linkage model with learned weights whose columns the registry knows.

use crate::matcher::compared::Column;
use anyhow::{Context as _, anyhow};
use record_linkage::Model;
use registry_rules::CodeLists;
use std::path::Path;

/// A model, checked for the registry.
#[derive(Clone, Debug)]
pub struct MatchModel {
    model: Model,
    version: String,
    columns: Vec<Column>,
    /// For each blocking rule its name and its bound in records.
    rules: Vec<(String, i64)>,
}

impl MatchModel {
    /// Reads a model file and the code lists beside it.
    ///
    /// # Errors
    /// With the file, the place in it and what would be right.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let read = |path: &Path| {
            std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
        };
        let text = read(path)?;
        let file = Model::read_file(&text).with_context(|| path.display().to_string())?;
        let folder = path.parent().unwrap_or(path);
        let lists: Vec<String> =
            file.code_lists.iter().map(|list| read(&folder.join(list))).collect::<Result<_, _>>()?;
        let lists: Vec<&str> = lists.iter().map(String::as_str).collect();
        Self::parse(&text, &lists).with_context(|| path.display().to_string())
    }

    /// Reads a model and its code lists from texts.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, lists: &[&str]) -> anyhow::Result<Self> {
        let lists = CodeLists::parse(lists.iter().copied()).map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            anyhow!("code_lists: {}", faults.join("\n"))
        })?;
        let model = Model::new(Model::read_file(text)?, &lists)?;
        let weights = model.weights().ok_or_else(|| {
            anyhow!("weights: missing; learn them from records: dansync match learn --records FILE.csv --model FILE.toml --out FILE.toml")
        })?;
        let version = weights.version.clone();
        let columns = model
            .columns()
            .map(|name| {
                Column::parse(name).ok_or_else(|| {
                    let known = Column::ALL.map(|(name, _)| name).join(", ");
                    anyhow!("columns.{name}: the registry's records have no such column; they have {known}")
                })
            })
            .collect::<Result<_, _>>()?;
        let rules = model
            .rules()
            .map(|(name, bound)| (name.to_owned(), i64::try_from(bound).unwrap_or(i64::MAX)))
            .collect();
        Ok(Self { model, version, columns, rules })
    }

    /// The weights' version: a hash over them and what is compared.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(crate) const fn linkage(&self) -> &Model {
        &self.model
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Name and bound of a blocking rule.
    pub(crate) fn rule(&self, number: usize) -> Option<(&str, i64)> {
        self.rules.get(number).map(|(name, bound)| (name.as_str(), *bound))
    }

    /// The rules' names and bounds, by number.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (&str, i64)> {
        self.rules.iter().map(|(name, bound)| (name.as_str(), *bound))
    }

    /// The largest bound of a rule.
    pub(crate) fn most(&self) -> i64 {
        self.rules.iter().map(|(_, bound)| *bound).max().unwrap_or(0)
    }
}
