//! Where a sector keeps what its agreement gives: `deploy/sectors/<agreement>.toml`.

use registry_rules::{Agreement, ColumnContent};
use serde::Deserialize;
use service_runtime::quoted_identifier;
use std::collections::{BTreeMap, BTreeSet};

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectorMapping {
    /// The agreement it belongs to.
    pub agreement: String,
    /// The kind of database.
    pub kind: SectorKind,
    /// The table, with its schema.
    pub table: String,
    /// The table's key.
    pub ref_column: String,
    /// The table of release numbers, with its schema: `ref`, `release_no`.
    pub guard: String,
    /// Field name of the agreement → column.
    pub columns: BTreeMap<String, SectorColumn>,
}

/// Kinds of database that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SectorKind {
    /// PostgreSQL 15 or later.
    Postgresql,
}

/// A column of the sector's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectorColumn {
    /// Its name.
    pub column: String,
    /// Our code → the sector's; a code that is not there is refused. None: as it is.
    #[serde(default)]
    pub codes: Option<BTreeMap<String, String>>,
}

/// What is wrong with a mapping.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MappingError {
    /// Not readable.
    #[error("sector mapping is not readable: {0}")]
    Form(String),
    /// A name that is no plain identifier.
    #[error(
        "sector mapping {agreement}: '{name}' is not a name: lower-case letters, digits, '_', a schema before one '.'"
    )]
    Name {
        /// The agreement.
        agreement: String,
        /// The name.
        name: String,
    },
    /// A column twice.
    #[error("sector mapping {agreement}: column '{column}' is written twice")]
    Twice {
        /// The agreement.
        agreement: String,
        /// The column.
        column: String,
    },
    /// A field that no version of the agreement has had.
    #[error("sector mapping {agreement}: no version of the agreement names '{field}'; remove it")]
    NotAgreed {
        /// The agreement.
        agreement: String,
        /// The field.
        field: String,
    },
}

impl SectorMapping {
    /// Reads and checks a file.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let mapping: Self = toml::from_str(text).map_err(|e| MappingError::Form(e.message().to_owned()))?;
        let columns = mapping.columns.values().map(|c| &c.column);
        let mut seen = BTreeSet::from([&mapping.ref_column]);
        for column in columns.clone() {
            if !seen.insert(column) {
                let (agreement, column) = (mapping.agreement.clone(), column.clone());
                return Err(MappingError::Twice { agreement, column });
            }
        }
        let mut names = [&mapping.table, &mapping.guard, &mapping.ref_column].into_iter().chain(columns);
        let bad = names.find(|name| quoted_identifier(name).is_none()).cloned();
        drop(names);
        match bad {
            Some(name) => Err(MappingError::Name { agreement: mapping.agreement, name }),
            None => Ok(mapping),
        }
    }

    /// What each column takes from records of this version. A field that the version no longer permits gives NULL: what an
    /// earlier one gave is taken back. A field that no version ever named (`ever`) is refused.
    pub(crate) fn bind(&self, agreement: &Agreement, ever: &[String]) -> Result<BoundSector, MappingError> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for (field, column) in &self.columns {
            let from = source_of(field, agreement);
            if from == Source::Nothing && !ever.iter().any(|known| covers(field, known)) {
                return Err(MappingError::NotAgreed {
                    agreement: self.agreement.clone(),
                    field: field.clone(),
                });
            }
            columns.push(BoundColumn { column: column.column.clone(), from, codes: column.codes.clone() });
        }
        Ok(BoundSector::new(self, columns))
    }
}

/// The statements by which a sector's rows are compared with its holdings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DriftQueries {
    /// $1 references; gives each with its release number, if it has one, and whether it has a row.
    pub(crate) persons: String,
    /// $1 the reference before, $2 how many; gives references and whether a column has a value that is not permitted.
    pub(crate) page: String,
}

impl SectorMapping {
    /// For a version and the fields that earlier ones had (`ever`).
    pub(crate) fn drift_queries(
        &self,
        agreement: &Agreement,
        ever: &[String],
    ) -> Result<DriftQueries, MappingError> {
        let name = |name: &str| quoted_identifier(name).unwrap_or_default();
        let (table, guard, key) = (name(&self.table), name(&self.guard), name(&self.ref_column));
        let bound = self.bind(agreement, ever)?;
        let denied: Vec<_> = bound
            .columns
            .iter()
            .filter(|c| c.from == Source::Nothing)
            .map(|c| format!("{} is not null", name(&c.column)))
            .collect();
        let denied = if denied.is_empty() { "false".to_owned() } else { denied.join(" or ") };
        Ok(DriftQueries {
            persons: format!(
                "select r, (select release_no from {guard} where ref = r), exists (select from {table} where {key} = r) \
                 from unnest($1::text[]) as r"
            ),
            page: format!("select {key}, {denied} from {table} where {key} > $1 order by {key} limit $2"),
        })
    }
}

/// A list may be mapped as a whole under its item's name.
fn covers(field: &str, known: &str) -> bool {
    field == known || known.strip_prefix(field).is_some_and(|rest| rest.starts_with('.'))
}

/// What a sector's column is filled from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    /// No longer permitted.
    Nothing,
    /// A column of the record as it is.
    Whole(String),
    /// One part of each element of a list, as a JSON array: equal positions belong together.
    Each(String, String),
}

fn source_of(field: &str, agreement: &Agreement) -> Source {
    for column in agreement.columns() {
        match &column.content {
            ColumnContent::ListOf(parts) => {
                if column.item.as_str() == field {
                    return Source::Whole(column.name.clone());
                }
                let part = field.strip_prefix(column.item.as_str()).and_then(|rest| rest.strip_prefix('.'));
                if let Some(part) = part.filter(|part| parts.contains(*part)) {
                    return Source::Each(column.name.clone(), part.to_owned());
                }
            }
            ColumnContent::Scalar | ColumnContent::Part(_) => {
                if column.fields.iter().any(|one| one == field) {
                    return Source::Whole(column.name.clone());
                }
            }
        }
    }
    Source::Nothing
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct BoundColumn {
    column: String,
    from: Source,
    codes: Option<BTreeMap<String, String>>,
}

/// A mapping bound to a version, with its statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BoundSector {
    columns: Vec<BoundColumn>,
    /// $1 references, $2 release numbers; gives the references whose number was lower.
    pub(crate) guard: String,
    /// $1 references: makes sure that each has a row to lock.
    pub(crate) seed: String,
    /// $1 references; gives reference and number, locked.
    pub(crate) before: String,
    /// $1 references, then one array a column.
    pub(crate) upsert: String,
    /// Guard and upsert at once: $1 references, $2 release numbers, then one array a column; gives the references whose number was
    /// lower, of which alone the rows are written.
    pub(crate) put: String,
    /// $1 references.
    pub(crate) delete: String,
}

impl BoundSector {
    fn new(mapping: &SectorMapping, columns: Vec<BoundColumn>) -> Self {
        // Names were checked when the file was read.
        let name = |name: &str| quoted_identifier(name).unwrap_or_default();
        let (table, guard, key) = (name(&mapping.table), name(&mapping.guard), name(&mapping.ref_column));
        let names: Vec<_> = columns.iter().map(|c| name(&c.column)).collect();
        // References first, then the columns from parameter `first` on.
        let arrays = |first: usize| {
            let columns = (first..first + names.len()).map(|n| format!("${n}::text[]"));
            std::iter::once("$1::text[]".to_owned()).chain(columns).collect::<Vec<_>>().join(", ")
        };
        let (list, of_row): (String, String) =
            names.iter().map(|n| (format!(", {n}"), format!(", r.{n}"))).unzip();
        let set = names.iter().map(|n| format!("{n} = excluded.{n}")).collect::<Vec<_>>().join(", ");
        let action = if names.is_empty() { "nothing".to_owned() } else { format!("update set {set}") };
        let guarded = format!(
            "insert into {guard} as g (ref, release_no) select * from unnest($1::text[], $2::bigint[]) order by 1 \
             on conflict (ref) do update set release_no = excluded.release_no \
             where g.release_no < excluded.release_no returning ref"
        );
        Self {
            columns,
            seed: format!(
                "insert into {guard} (ref, release_no) select r, 0 from unnest($1::text[]) as r order by 1 \
                 on conflict (ref) do nothing"
            ),
            before: format!(
                "select ref, release_no from {guard} where ref = any($1) order by ref for update"
            ),
            upsert: format!(
                "insert into {table} ({key}{list}) select * from unnest({}) order by 1 \
                 on conflict ({key}) do {action}",
                arrays(2)
            ),
            put: format!(
                "with accepted as ({guarded}), \
                 written as (insert into {table} ({key}{list}) select r.{key}{of_row} \
                   from unnest({}) as r ({key}{list}) join accepted a on a.ref = r.{key} order by 1 \
                   on conflict ({key}) do {action}) \
                 select ref from accepted",
                arrays(3)
            ),
            guard: guarded,
            delete: format!("delete from {table} where {key} = any($1)"),
        }
    }

    /// The values of a record, in the order of the columns; a reason code where one does not fit.
    pub(crate) fn values(&self, record: &BTreeMap<String, String>) -> Result<Vec<Option<String>>, String> {
        self.columns.iter().map(|column| column.value(record)).collect()
    }

    /// How many columns there are beside the key.
    pub(crate) const fn width(&self) -> usize {
        self.columns.len()
    }
}

impl BoundColumn {
    fn value(&self, record: &BTreeMap<String, String>) -> Result<Option<String>, String> {
        let found = match &self.from {
            Source::Nothing => None,
            Source::Whole(name) => record.get(name).cloned(),
            Source::Each(name, part) => record.get(name).and_then(|list| each(list, part)),
        };
        match (&self.codes, found) {
            (Some(codes), Some(code)) => {
                codes.get(&code).cloned().map(Some).ok_or_else(|| format!("unknown_code:{}", self.column))
            }
            (_, found) => Ok(found),
        }
    }
}

fn each(list: &str, part: &str) -> Option<String> {
    let elements: Vec<serde_json::Value> = serde_json::from_str(list).ok()?;
    let parts: Vec<_> =
        elements.iter().map(|e| e.get(part).cloned().unwrap_or(serde_json::Value::Null)).collect();
    serde_json::to_string(&parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry_rules::FieldCatalogue;

    const EDUCATION: &str = include_str!("../../../deploy/sectors/education.toml");

    fn agreement() -> Agreement {
        let catalogue = FieldCatalogue::parse(include_str!("../../../schemas/field-catalogue.toml")).unwrap();
        Agreement::parse(include_str!("../../../schemas/agreements/education.toml"), &catalogue).unwrap()
    }

    #[test]
    fn the_filed_mappings_fit_their_agreements() {
        let catalogue = FieldCatalogue::parse(include_str!("../../../schemas/field-catalogue.toml")).unwrap();
        for (mapping, agreement) in [
            (EDUCATION, include_str!("../../../schemas/agreements/education.toml")),
            (
                include_str!("../../../deploy/sectors/health_province.toml"),
                include_str!("../../../schemas/agreements/health_province.toml"),
            ),
            (
                include_str!("../../../deploy/sectors/vss_insurance.toml"),
                include_str!("../../../schemas/agreements/vss_insurance.toml"),
            ),
        ] {
            let agreement = Agreement::parse(agreement, &catalogue).unwrap();
            let mapping = SectorMapping::parse(mapping).unwrap();
            assert_eq!(mapping.agreement, agreement.name);
            let bound = mapping.bind(&agreement, &[]).unwrap();
            assert!(bound.columns.iter().all(|c| c.from != Source::Nothing));
        }
    }

    #[test]
    fn values_are_translated_projected_or_refused() {
        let bound = SectorMapping::parse(EDUCATION).unwrap().bind(&agreement(), &[]).unwrap();
        let value = |record: &[(&str, &str)], column: &str| {
            let record = record.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let n = bound.columns.iter().position(|c| c.column == column).unwrap();
            bound.values(&record).map(|values| values[n].clone())
        };
        assert_eq!(value(&[("sex", "sex:2")], "gioi_tinh"), Ok(Some("Nữ".to_owned())));
        assert_eq!(value(&[("sex", "sex:9")], "gioi_tinh"), Err("unknown_code:gioi_tinh".to_owned()));
        assert_eq!(value(&[], "gioi_tinh"), Ok(None));
        let relatives = [("relatives", r#"[{"name":"A","relation":"r:1"},{"relation":"r:2"}]"#)];
        assert_eq!(value(&relatives, "than_nhan_ho_ten"), Ok(Some(r#"["A",null]"#.to_owned())));
    }

    #[test]
    fn a_field_once_agreed_gives_null_and_one_never_agreed_is_refused() {
        let with_pin = format!("{EDUCATION}\n\"npd.pin\" = {{ column = \"so\" }}\n");
        let mapping = SectorMapping::parse(&with_pin).unwrap();
        assert!(
            matches!(mapping.bind(&agreement(), &[]), Err(MappingError::NotAgreed { field, .. }) if field == "npd.pin")
        );
        let bound = mapping.bind(&agreement(), &["npd.pin".to_owned()]).unwrap();
        let pin = bound.columns.iter().find(|c| c.column == "so").unwrap();
        assert_eq!(pin.value(&BTreeMap::from([("pin".to_owned(), "1".to_owned())])), Ok(None));
    }

    #[test]
    fn names_that_are_no_names_are_refused() {
        let mapping = EDUCATION.replace("giao_duc.hoc_sinh", "hoc_sinh; drop table x");
        assert!(matches!(SectorMapping::parse(&mapping), Err(MappingError::Name { .. })));
        let twice = EDUCATION.replace("\"gioi_tinh\"", "\"ho_va_ten\"");
        assert!(matches!(SectorMapping::parse(&twice), Err(MappingError::Twice { .. })));
    }
}
