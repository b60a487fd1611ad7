//! Models, tables, truths and decisions as they are read from files.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use record_linkage::{Decided, Model, Table, TableBuilder, Verdict};
use registry_rules::CodeLists;
use service_runtime::ExitClass;

use super::rows::{Rows, Seen};

const RECORD_ID: &str = "record_id";

/// A model with the text of its file.
pub(super) struct ModelText {
    pub(super) model: Model,
    pub(super) text: String,
}

/// Reads a model and its code lists.
pub(super) fn model(path: &Path) -> anyhow::Result<ModelText> {
    let text = read(path)?;
    let place = || path.display().to_string();
    let file = Model::read_file(&text).with_context(place).context(ExitClass::Configuration)?;
    let mut lists = Vec::new();
    for list in &file.code_lists {
        lists.push(read(&beside(path, list)).with_context(|| format!("{}: code_lists", path.display()))?);
    }
    let lists = CodeLists::parse(lists.iter().map(String::as_str)).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow!("{}: code_lists: {}", path.display(), faults.join("\n")).context(ExitClass::Configuration)
    })?;
    let model = Model::new(file, &lists).with_context(place).context(ExitClass::Configuration)?;
    Ok(ModelText { model, text })
}

/// The model's text for another folder: its code lists are still found.
pub(super) fn text_for(text: &str, model: &Model, from: &Path, to: &Path) -> String {
    let folder = |path: &Path| path.parent().map(Path::to_owned).unwrap_or_default();
    if folder(from) == folder(to) {
        return text.to_owned();
    }
    model.file().code_lists.iter().fold(text.to_owned(), |text, list| {
        let found = beside(from, list);
        let found = found.canonicalize().unwrap_or(found);
        let quoted = |path: &str| toml::Value::String(path.to_owned()).to_string();
        text.replace(&quoted(list), &quoted(&found.display().to_string()))
    })
}

fn beside(model: &Path, list: &str) -> PathBuf {
    model.parent().map_or_else(|| PathBuf::from(list), |folder| folder.join(list))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path)
        .with_context(|| format!("{}: cannot be read as a UTF-8 text", path.display()))
        .context(ExitClass::Configuration)
}

/// A table and the columns of it that the model does not use.
pub(super) struct Records {
    pub(super) table: Table,
    pub(super) unused: Vec<String>,
}

/// Reads a table.
pub(super) fn records(path: &Path, model: &Model) -> anyhow::Result<Records> {
    let mut rows = Rows::open(path, &[RECORD_ID])?;
    let places = places(&rows, model)?;
    let unused = rows.headings().iter().enumerate().skip(1).filter(|(place, _)| !places.contains(place));
    let unused = unused.map(|(_, heading)| heading.clone()).collect();
    let (mut seen, mut builder) = (Seen::default(), TableBuilder::new(model));
    while rows.next()? {
        let id = rows.required(0)?;
        seen.note(&rows, id)?;
        builder.push(id, places.iter().map(|place| rows.value(*place)));
    }
    let table = builder.finish().with_context(|| path.display().to_string()).context(ExitClass::BadData)?;
    if table.is_empty() {
        return Err(rows.fault(None, "has headings and no records"));
    }
    Ok(Records { table, unused })
}

/// Where the model's columns stand.
fn places(rows: &Rows, model: &Model) -> anyhow::Result<Vec<usize>> {
    let find = |column: &str| rows.headings().iter().position(|heading| heading == column);
    let missing: Vec<&str> = model.columns().filter(|column| find(column).is_none()).collect();
    if missing.is_empty() {
        return Ok(model.columns().filter_map(find).collect());
    }
    let (missing, has) = (missing.join("`, `"), rows.headings().join("`, `"));
    Err(rows.fault(
        None,
        &format!(
            "the model names columns that the table has not: `{missing}`; it has `{has}`; rename either"
        ),
    ))
}

/// The texts of some records, in the model's order of columns.
pub(super) fn texts(path: &Path, model: &Model, ids: [&str; 2]) -> anyhow::Result<[Vec<String>; 2]> {
    let mut rows = Rows::open(path, &[RECORD_ID])?;
    let places = places(&rows, model)?;
    let mut found = [Vec::new(), Vec::new()];
    while rows.next()? {
        for (id, texts) in ids.iter().zip(&mut found) {
            if rows.value(0).trim() == *id {
                *texts = places.iter().map(|place| rows.value(*place).to_owned()).collect();
            }
        }
    }
    Ok(found)
}

/// Reads the truth: for each record of the table the number of its cluster, where it is known.
pub(super) fn truth(path: &Path, table: &Table) -> anyhow::Result<Vec<Option<u32>>> {
    let mut rows = Rows::open(path, &[RECORD_ID, "cluster_id"])?;
    let (mut seen, mut clusters) = (Seen::default(), std::collections::HashMap::new());
    let mut truth = vec![None; table.len()];
    while rows.next()? {
        let id = rows.required(0)?;
        seen.note(&rows, id)?;
        let next = u32::try_from(clusters.len()).unwrap_or(u32::MAX);
        let cluster = *clusters.entry(rows.required(1)?.to_owned()).or_insert(next);
        let record = table.find(id).ok_or_else(|| {
            rows.fault(
                Some(RECORD_ID),
                "no record has this id; take the line out, or give the table it belongs to",
            )
        })?;
        if let Some(place) = usize::try_from(record).ok().and_then(|record| truth.get_mut(record)) {
            *place = Some(cluster);
        }
    }
    Ok(truth)
}

/// Reads decided pairs.
pub(super) fn decided(path: Option<&Path>, table: &Table) -> anyhow::Result<Decided> {
    let mut decided = Decided::default();
    let Some(path) = path else { return Ok(decided) };
    let mut rows = Rows::open(path, &["left_id", "right_id", "decision"])?;
    while rows.next()? {
        let (left, right) = (rows.required(0)?, rows.required(1)?);
        let verdict = Verdict::parse(rows.required(2)?)
            .ok_or_else(|| rows.fault(Some("decision"), "want `different` or `twins`"))?;
        if decided.add(table, (left, right), verdict).is_err() {
            return Err(rows.fault(None, "want the ids of two records of the table"));
        }
    }
    Ok(decided)
}
