//! A model file, read and checked.

use crate::kind::{Kind, Test};
use crate::model_file::{BlockFile, ColumnFile, ComparisonFile, ModelFile, TwinsFile, Weights};
use crate::twins::TwinColumns;
use registry_rules::{CodeList, CodeLists};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Form of model files that this code reads.
const FORMAT: u32 = 1;
/// Comparisons and levels of each: their combinations are counted in one 64-bit number.
const MAX_COMPARISONS: usize = 16;
const MAX_LEVELS: usize = 14;
/// Blocking rules: each costs one look at every pair of the later ones.
const MAX_BLOCKS: usize = 16;

/// A fault of a model file: where it stands, what is wrong, what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct ModelFault {
    /// The key in the file.
    pub place: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// Why a model cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ModelError {
    /// It is no TOML, or has other keys.
    #[error("{0}")]
    Form(String),
    /// It contradicts itself.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Faults(Vec<ModelFault>),
}

/// A column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) list: Option<CodeList>,
    pub(crate) numbering: Option<String>,
    pub(crate) digits: Option<u32>,
    pub(crate) missing: Vec<String>,
}

/// A comparison: a column and its levels, closest first.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) column: usize,
    pub(crate) name: String,
    pub(crate) levels: Vec<String>,
    pub(crate) tests: Vec<Test>,
    pub(crate) frequency: bool,
    pub(crate) never_alone: bool,
}

/// A blocking rule.
#[derive(Clone, Debug)]
pub(crate) struct BlockRule {
    pub(crate) keys: Vec<(usize, String)>,
    pub(crate) bound: usize,
    pub(crate) name: String,
}

/// A model, checked.
#[derive(Clone, Debug)]
pub struct Model {
    file: ModelFile,
    pub(crate) columns: Vec<Column>,
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) blocks: Vec<BlockRule>,
    pub(crate) twins: Option<TwinColumns>,
}

impl Model {
    /// Reads the file alone: then its code lists are known.
    ///
    /// # Errors
    /// [`ModelError::Form`] with line and key.
    pub fn read_file(text: &str) -> Result<ModelFile, ModelError> {
        toml::from_str(text).map_err(|error| ModelError::Form(error.to_string().trim_end().to_owned()))
    }

    /// Checks a file against itself and its code lists.
    ///
    /// # Errors
    /// All faults at once.
    pub fn new(file: ModelFile, lists: &CodeLists) -> Result<Self, ModelError> {
        let mut faults = Faults::default();
        if file.format != FORMAT {
            faults.add("format", format!("{} is unknown; this program reads {FORMAT}", file.format));
        }
        let bands = file.bands;
        let finite = [bands.link, bands.review, bands.margin].iter().all(|bits| bits.is_finite());
        if !finite || bands.link < bands.review || bands.margin < 0.0 {
            faults.add("bands", "want link >= review and margin >= 0, in bits".to_owned());
        }
        let columns: Vec<Column> = file
            .columns
            .iter()
            .map(|(name, column)| checked_column(name, column, lists, &mut faults))
            .collect();
        let comparisons = checked_comparisons(&file.comparisons, &columns, &mut faults);
        let blocks = checked_blocks(&file.blocks, file.block_bound, &columns, &mut faults);
        let twins = file.twins.as_ref().and_then(|twins| checked_twins(twins, &columns, &mut faults));
        if let Some(weights) = &file.weights {
            check_weights(weights, &comparisons, &mut faults);
        }
        faults.result(Self { file, columns, comparisons, blocks, twins })
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// The bands of the weight.
    pub const fn bands(&self) -> crate::Bands {
        self.file.bands
    }

    /// The learned weights, if it has any.
    pub const fn weights(&self) -> Option<&Weights> {
        self.file.weights.as_ref()
    }

    /// The columns that a table must have, in the order in which values are given to a [`crate::TableBuilder`].
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The blocking rules by name, each with its bound in records; their numbers are those of [`crate::BlockKey`].
    pub fn rules(&self) -> impl ExactSizeIterator<Item = (&str, usize)> {
        self.blocks.iter().map(|rule| (rule.name.as_str(), rule.bound))
    }

    /// The same model with these weights, under a version that is a hash over them and what is compared.
    #[must_use]
    pub fn with_weights(&self, mut weights: Weights) -> Self {
        weights.version = String::new();
        let mut file = self.file.clone();
        file.weights = Some(weights);
        let text = toml::to_string(&file).unwrap_or_default();
        let hash = Sha256::digest(text.as_bytes());
        let version = hash
            .iter()
            .take(VERSION_BYTES)
            .fold(String::new(), |version, byte| format!("{version}{byte:02x}"));
        if let Some(weights) = &mut file.weights {
            weights.version = version;
        }
        Self { file, ..self.clone() }
    }

    /// The model as a file.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(&self.file).unwrap_or_default()
    }

    /// The model's file, to be changed and checked again.
    pub const fn file(&self) -> &ModelFile {
        &self.file
    }
}

/// 32 bits tell the versions of one model apart.
const VERSION_BYTES: usize = 4;

#[derive(Debug, Default)]
struct Faults(Vec<ModelFault>);

impl Faults {
    fn add(&mut self, place: impl Into<String>, reason: String) {
        self.0.push(ModelFault { place: place.into(), reason });
    }

    fn result<T>(self, value: T) -> Result<T, ModelError> {
        if self.0.is_empty() { Ok(value) } else { Err(ModelError::Faults(self.0)) }
    }

    /// The column of that name; a fault if there is none.
    fn column(&mut self, place: &str, name: &str, columns: &[Column]) -> Option<usize> {
        let found = columns.iter().position(|column| column.name == name);
        if found.is_none() {
            self.add(place, format!("no column `{name}` is described under [columns]"));
        }
        found
    }
}

fn checked_column(name: &str, column: &ColumnFile, lists: &CodeLists, faults: &mut Faults) -> Column {
    let place = format!("columns.{name}");
    let list = column.list.as_deref().and_then(|list| lists.get(list)).cloned();
    match (column.kind, &column.list) {
        (Kind::Code, None) => faults.add(&place, "a column of kind code needs `list`".to_owned()),
        (Kind::Code, Some(name)) if list.is_none() => {
            faults.add(&place, format!("code list `{name}` is in none of the files under code_lists"));
        }
        (Kind::Code, Some(_)) | (_, None) => {}
        (_, Some(_)) => faults.add(&place, "only a column of kind code has a `list`".to_owned()),
    }
    if column.digits.is_some() && column.kind != Kind::Number {
        faults.add(&place, "only a column of kind number has `digits`".to_owned());
    }
    let known = |numbering: &String| {
        list.as_ref().is_none_or(|l| l.list == *numbering || l.from.contains_key(numbering))
    };
    if let Some(numbering) = column.numbering.as_ref().filter(|numbering| !known(numbering)) {
        faults.add(&place, format!("the code list has no numbering `{numbering}`"));
    }
    Column {
        name: name.to_owned(),
        kind: column.kind,
        list,
        numbering: column.numbering.clone(),
        digits: column.digits,
        missing: column.missing.clone(),
    }
}

fn checked_comparisons(files: &[ComparisonFile], columns: &[Column], faults: &mut Faults) -> Vec<Comparison> {
    if files.is_empty() || files.len() > MAX_COMPARISONS {
        faults.add("comparison", format!("want 1 to {MAX_COMPARISONS} comparisons"));
    }
    let mut comparisons: Vec<Comparison> = Vec::with_capacity(files.len());
    for (number, file) in files.iter().enumerate() {
        let place = format!("comparison[{number}] ({})", file.column);
        let Some(at) = faults.column(&place, &file.column, columns) else { continue };
        if comparisons.iter().any(|other| other.column == at) {
            faults.add(&place, "this column is compared twice".to_owned());
        }
        let Some(kind) = columns.get(at).map(|column| column.kind) else { continue };
        let mut tests = Vec::with_capacity(file.levels.len());
        for level in &file.levels {
            match Test::parse(level).filter(|_| kind.has(level)) {
                Some(test) => tests.push(test),
                None => faults.add(
                    &place,
                    format!(
                        "`{level}` is no level of a {}; its levels are {}",
                        kind.as_str(),
                        kind.levels().join(", ")
                    ),
                ),
            }
        }
        if tests.len() < 2 || tests.len() > MAX_LEVELS || tests.last() != Some(&Test::Else) {
            faults.add(&place, format!("want 2 to {MAX_LEVELS} levels, the last one `else`"));
        }
        if file.frequency && !matches!(kind, Kind::Name | Kind::Text) {
            faults.add(&place, "frequency counts for names and texts only".to_owned());
        }
        comparisons.push(Comparison {
            column: at,
            name: file.column.clone(),
            levels: file.levels.clone(),
            tests,
            frequency: file.frequency,
            never_alone: file.never_alone,
        });
    }
    comparisons
}

fn checked_blocks(
    files: &[BlockFile],
    bound: usize,
    columns: &[Column],
    faults: &mut Faults,
) -> Vec<BlockRule> {
    if files.is_empty() || files.len() > MAX_BLOCKS {
        faults.add("block", format!("want 1 to {MAX_BLOCKS} blocking rules"));
    }
    let mut blocks = Vec::with_capacity(files.len());
    for (number, file) in files.iter().enumerate() {
        let place = format!("block[{number}]");
        let bound = file.bound.unwrap_or(bound);
        if bound < 2 || file.keys.is_empty() {
            faults.add(&place, "want at least one key and a bound of at least 2".to_owned());
        }
        let mut keys = Vec::with_capacity(file.keys.len());
        for key in &file.keys {
            let (name, form) = key.split_once('.').unwrap_or((key, ""));
            let Some(at) = faults.column(&place, name, columns) else { continue };
            let Some(kind) = columns.get(at).map(|column| column.kind) else { continue };
            let form = if form.is_empty() { kind.forms().first().copied().unwrap_or("") } else { form };
            let prefix = form.strip_prefix("prefix:").and_then(|n| n.parse::<u8>().ok());
            let known = kind.forms().contains(&form) || (kind == Kind::Text && prefix.is_some());
            if !known {
                let forms = kind.forms().join(", ");
                faults.add(
                    &place,
                    format!("`{form}` is no form of a {}; its forms are {forms}", kind.as_str()),
                );
            }
            keys.push((at, form.to_owned()));
        }
        blocks.push(BlockRule { keys, bound, name: file.keys.join(" + ") });
    }
    blocks
}

fn checked_twins(file: &TwinsFile, columns: &[Column], faults: &mut Faults) -> Option<TwinColumns> {
    let mut column = |name: &str, kind: Option<Kind>| {
        let at = faults.column("twins", name, columns)?;
        let found = columns.get(at)?.kind;
        if kind.is_some_and(|kind| kind != found) {
            let want = kind.map_or("", Kind::as_str);
            faults.add("twins", format!("`{name}` must be a column of kind {want}"));
        }
        Some(at)
    };
    let name = column(&file.name, Some(Kind::Name))?;
    let birth = column(&file.birth, Some(Kind::Date))?;
    let act = file.act.as_ref().and_then(|act| column(act, Some(Kind::Act)));
    let mother: Vec<usize> = file.mother.iter().filter_map(|name| column(name, None)).collect();
    let numbers = file.numbers.iter().filter_map(|name| column(name, Some(Kind::Number))).collect();
    if mother.is_empty() && act.is_none() {
        faults.add("twins", "want columns of the mother, or of the act".to_owned());
    }
    Some(TwinColumns { name, birth, mother, act, numbers })
}

fn check_weights(weights: &Weights, comparisons: &[Comparison], faults: &mut Faults) {
    let share = |value: f64| value > 0.0 && value < 1.0;
    if !share(weights.prior) {
        faults.add("weights.prior", "want a probability between 0 and 1".to_owned());
    }
    let known: BTreeMap<&str, &Comparison> = comparisons.iter().map(|c| (c.name.as_str(), c)).collect();
    for column in weights.odds.keys().filter(|column| !known.contains_key(column.as_str())) {
        faults.add(format!("weights.odds.{column}"), "nothing of this name is compared".to_owned());
    }
    for comparison in comparisons {
        let odds = weights.odds.get(&comparison.name);
        for level in &comparison.levels {
            let place = format!("weights.odds.{}.{level}", comparison.name);
            match odds.and_then(|odds| odds.get(level)) {
                Some(odds) if share(odds.m) && share(odds.u) => {}
                Some(_) => faults.add(place, "want m and u between 0 and 1".to_owned()),
                None => faults.add(
                    place,
                    "missing: the weights were learned for another model; learn them anew (`dansync match learn`)"
                        .to_owned(),
                ),
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const PLAIN: &str = r#"
format = 1
name = "test"
bands = { link = 8.0, review = 0.0, margin = 4.0 }
[columns]
name = { kind = "name" }
born = { kind = "date" }
number = { kind = "number" }
mother = { kind = "name" }
act = { kind = "act" }
[[comparison]]
column = "name"
levels = ["exact", "tone", "case", "unaccented", "marks", "missing_middle", "typo", "else"]
[[comparison]]
column = "born"
levels = ["exact", "swapped", "digit", "year", "else"]
[[comparison]]
column = "number"
never_alone = true
levels = ["exact", "digit", "else"]
[[comparison]]
column = "mother"
levels = ["exact", "unaccented", "typo", "else"]
[[block]]
keys = ["number"]
[[block]]
keys = ["name.bag", "born.year"]
[[block]]
keys = ["born"]
[twins]
name = "name"
birth = "born"
mother = ["mother"]
act = "act"
numbers = ["number"]
[weights]
version = "x"
prior = 0.001
[weights.odds.name]
exact = { m = 0.8, u = 0.0005 }
tone = { m = 0.05, u = 0.00005 }
case = { m = 0.02, u = 0.00005 }
unaccented = { m = 0.05, u = 0.0001 }
marks = { m = 0.01, u = 0.0005 }
missing_middle = { m = 0.02, u = 0.0005 }
typo = { m = 0.02, u = 0.002 }
else = { m = 0.01, u = 0.99 }
[weights.odds.born]
exact = { m = 0.9, u = 0.00005 }
swapped = { m = 0.01, u = 0.00005 }
digit = { m = 0.02, u = 0.002 }
year = { m = 0.05, u = 0.0005 }
else = { m = 0.01, u = 0.99 }
[weights.odds.number]
exact = { m = 0.95, u = 0.000001 }
digit = { m = 0.02, u = 0.0001 }
else = { m = 0.01, u = 0.99 }
[weights.odds.mother]
exact = { m = 0.8, u = 0.0005 }
unaccented = { m = 0.1, u = 0.0001 }
typo = { m = 0.05, u = 0.002 }
else = { m = 0.02, u = 0.99 }
"#;

    pub(crate) fn model(text: &str) -> Result<Model, ModelError> {
        Model::new(Model::read_file(text)?, &CodeLists::default())
    }

    #[test]
    fn what_is_written_is_read_again() {
        let first = model(PLAIN).unwrap();
        let again = model(&first.to_toml()).unwrap();
        assert_eq!(first.weights(), again.weights());
        let weights = first.weights().unwrap().clone();
        let one = first.with_weights(weights.clone());
        let version = one.weights().unwrap().version.clone();
        assert_eq!(version, again.with_weights(weights.clone()).weights().unwrap().version);
        let other = Weights { prior: 0.002, ..weights };
        assert_ne!(version, first.with_weights(other).weights().unwrap().version);
    }

    #[test]
    fn faults_say_where_what_and_what_would_be_right() {
        for (from, to, expected) in [
            (
                "\"tone\"",
                "\"tonal\"",
                "comparison[0] (name): `tonal` is no level of a name; its levels are exact, tone",
            ),
            ("keys = [\"born\"]", "keys = [\"birth\"]", "block[2]: no column `birth` is described"),
            (
                "born.year",
                "born.decade",
                "block[1]: `decade` is no form of a date; its forms are date, year, swapped",
            ),
            ("link = 8.0", "link = -8.0", "bands: want link >= review"),
            (
                "act = { kind = \"act\" }",
                "act = { kind = \"text\" }",
                "twins: `act` must be a column of kind act",
            ),
            ("prior = 0.001", "prior = 1.5", "weights.prior: want a probability"),
            ("swapped = {", "reversed = {", "weights.odds.born.swapped: missing"),
            ("born = { kind = \"date\" }", "born = { kind = \"date\", list = \"x\" }", "columns.born: only"),
            ("act = { kind = \"act\" }", "act = { kind = \"code\", list = \"x\" }", "code list `x`"),
            ("format = 1", "format = 2", "format: 2 is unknown"),
        ] {
            assert!(PLAIN.contains(from), "{from}");
            let said = model(&PLAIN.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
        let said = model(&PLAIN.replacen("bands", "band", 1)).unwrap_err().to_string();
        assert!(said.contains("line 4") && said.contains("band"), "{said}");
    }
}
