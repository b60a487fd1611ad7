//! File and columns in, plan out; every fault at once.

use super::file::{
    Choice, ColumnChoice, DateColumn, FieldSpec, FormName, MappingFile, PartSpec, RoleSpec, SourceKind,
    TableSpec,
};
use super::forms::CodeTable;
use super::plan::{
    ChoicePlan, GroupPlan, ReaderPlan, ReferencePlan, RolePlan, TablePlan, TimedCodes, ValuePlan,
};
use registry_rules::{CodeList, CodeLists, FieldName, Period, Standing};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Columns that an envelope table has; the file does not name them.
pub(crate) const ENVELOPE_COLUMNS: [&str; 5] = ["id", "topic", "key", "subject", "payload"];

/// What is wrong with a mapping. The texts name file keys and columns, never values of rows.
#[derive(Debug, thiserror::Error)]
pub enum MappingFault {
    /// Not readable.
    #[error("mapping is not readable: {0}")]
    Form(#[from] Box<toml::de::Error>),
    /// A column that the table does not have, or the publication leaves out.
    #[error(
        "{table}: the mapping names column '{column}', which the table (or its publication) does not have; correct the mapping or publish the column"
    )]
    Column {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A value that the file may not hold there.
    #[error("{place}: {reason}")]
    Value {
        /// Table, role and field.
        place: String,
        /// What is wrong and what would be right.
        reason: String,
    },
}

/// A source's mapping, checked by itself; [`Mapping::compile`] checks it against a table's columns.
#[derive(Clone, Debug)]
pub struct Mapping {
    file: MappingFile,
    codes: BTreeMap<(String, Option<String>), CodeTable>,
    /// What lists number → those lists, each in its time.
    timed: BTreeMap<String, Vec<(Period, CodeTable)>>,
}

struct Compiler<'a> {
    mapping: &'a Mapping,
    table: &'a TableSpec,
    columns: &'a [String],
    faults: Vec<MappingFault>,
}

impl Mapping {
    /// Reads a mapping file; `lists` are the code lists that it may name.
    pub fn parse(text: &str, lists: &CodeLists) -> Result<Self, Vec<MappingFault>> {
        let file: MappingFile = toml::from_str(text).map_err(|error| vec![Box::new(error).into()])?;
        let mut mapping = Self { file, codes: BTreeMap::new(), timed: BTreeMap::new() };
        let mut faults = mapping.load_codes(lists);
        faults.extend(mapping.load_timed(lists));
        let mut seen = BTreeSet::new();
        for table in &mapping.file.tables {
            if !seen.insert(&table.table) || !seen.insert(&table.entity) {
                faults.push(value(&table.table, "the table or its entity is mapped twice"));
            }
            if table.table.split('.').count() != 2 {
                faults.push(value(&table.table, "write the table as schema.table"));
            }
        }
        // With every named column taken as present, what is left are the file's own faults.
        for table in &mapping.file.tables {
            let named = mapping.named_columns(table);
            faults.extend(mapping.compile(table, &named).err().unwrap_or_default());
        }
        if mapping.file.tables.is_empty() {
            faults.push(value(&mapping.file.source, "the mapping has no [[table]]"));
        }
        if faults.is_empty() { Ok(mapping) } else { Err(faults) }
    }

    /// The file.
    pub const fn file(&self) -> &MappingFile {
        &self.file
    }

    /// Name of the source.
    pub fn source(&self) -> &str {
        &self.file.source
    }

    /// Whether its rows carry topic, key and payload already.
    pub fn is_envelope(&self) -> bool {
        self.file.kind == SourceKind::Envelope
    }

    /// The mapping of a table, if it has one.
    pub fn table(&self, schema: &str, table: &str) -> Option<&TableSpec> {
        self.file.tables.iter().find(|t| t.table.split_once('.') == Some((schema, table)))
    }

    /// Every column that the mapping of a table names.
    pub fn named_columns(&self, table: &TableSpec) -> Vec<String> {
        let mut named: BTreeSet<String> = BTreeSet::new();
        if self.is_envelope() {
            named.extend(ENVELOPE_COLUMNS.map(str::to_owned));
        }
        named.extend(table.key.iter().chain(&table.recorded_at).chain(&table.act).cloned());
        for date in [&table.valid_from, &table.valid_to].into_iter().flatten() {
            named.insert(date.parts().0.to_owned());
        }
        named.extend(table.refers_to.iter().flat_map(|r| r.columns.clone()));
        named.extend(table.relation_group.iter().flat_map(|g| g.columns.clone()));
        for choice in [&table.kind, &table.standing].into_iter().flatten() {
            if let Choice::Column(choice) = choice {
                named.insert(choice.column.clone());
            }
        }
        for role in &table.roles {
            named.extend(role.present.iter().chain(role.identifiers.iter().map(|i| &i.column)).cloned());
            for field in &role.fields {
                named.extend(field.column.iter().chain(&field.when).cloned());
                named.extend(field.parts.values().filter_map(|part| part.column.clone()));
                let days = field.parts.values().filter_map(|part| part.on.as_ref());
                named.extend(days.map(|on| on.parts().0.to_owned()));
                if let Some(n) = &field.columns {
                    named.extend([&n.full, &n.family, &n.middle, &n.given].into_iter().flatten().cloned());
                }
            }
        }
        named.into_iter().collect()
    }

    /// Resolves a table's mapping against its columns, in the order of its rows' cells.
    pub fn compile(&self, table: &TableSpec, columns: &[String]) -> Result<TablePlan, Vec<MappingFault>> {
        let mut compiler = Compiler { mapping: self, table, columns, faults: Vec::new() };
        let plan = compiler.table_plan();
        if compiler.faults.is_empty() { Ok(plan) } else { Err(compiler.faults) }
    }

    fn load_codes(&mut self, lists: &CodeLists) -> Vec<MappingFault> {
        let mut faults = Vec::new();
        let mut wanted = BTreeSet::new();
        for table in &self.file.tables {
            for field in table.roles.iter().flat_map(|role| &role.fields) {
                wanted.extend(field.list.iter().map(|list| (list.clone(), field.numbering.clone())));
                wanted.extend(
                    field.parts.values().filter_map(|p| Some((p.list.clone()?, p.numbering.clone()))),
                );
            }
        }
        for (list, numbering) in wanted {
            let codes = lists.get(&list).and_then(|found| match &numbering {
                None => Some(own_codes(found)),
                Some(name) => {
                    let from = found.from.get(name)?;
                    Some(
                        from.iter()
                            .map(|(theirs, ours)| (theirs.clone(), format!("{list}:{ours}")))
                            .collect(),
                    )
                }
            });
            match codes {
                Some(codes) => {
                    let table = CodeTable { list: list.clone(), codes: Arc::new(codes) };
                    self.codes.insert((list, numbering), table);
                }
                None => faults.push(value(
                    &format!("list '{list}', numbering {numbering:?}"),
                    "there is no such code list or numbering in schemas/codes",
                )),
            }
        }
        faults
    }

    /// Lists of which each has its time, by what they number.
    fn load_timed(&mut self, lists: &CodeLists) -> Vec<MappingFault> {
        let mut faults = Vec::new();
        let roles = self.file.tables.iter().flat_map(|table| &table.roles);
        let parts = roles.flat_map(|role| &role.fields).flat_map(|field| field.parts.values());
        for of in parts.filter_map(|part| part.of.as_ref()).collect::<BTreeSet<_>>() {
            let timed: Vec<_> = lists
                .of(of)
                .map(|list| {
                    let codes = Arc::new(own_codes(list));
                    (list.valid, CodeTable { list: list.list.clone(), codes })
                })
                .collect();
            if timed.is_empty() {
                faults.push(value(&format!("of '{of}'"), "no code list in schemas/codes numbers that"));
            }
            self.timed.insert(of.clone(), timed);
        }
        faults
    }
}

fn own_codes(list: &CodeList) -> BTreeMap<String, String> {
    list.codes.keys().map(|code| (code.clone(), format!("{}:{code}", list.list))).collect()
}

fn value(place: &str, reason: &str) -> MappingFault {
    MappingFault::Value { place: place.to_owned(), reason: reason.to_owned() }
}

impl DateColumn {
    fn parts(&self) -> (&str, super::file::DateFormat) {
        match self {
            Self::Iso(column) => (column, super::file::DateFormat::Iso),
            Self::Formatted { column, format } => (column, *format),
        }
    }
}

impl Compiler<'_> {
    fn column(&mut self, name: &str) -> usize {
        self.columns.iter().position(|column| column == name).unwrap_or_else(|| {
            let (table, column) = (self.table.table.clone(), name.to_owned());
            self.faults.push(MappingFault::Column { table, column });
            0
        })
    }

    fn columns(&mut self, names: &[String]) -> Vec<usize> {
        names.iter().map(|name| self.column(name)).collect()
    }

    fn fault(&mut self, place: &str, reason: &str) {
        self.faults.push(value(&format!("{} {place}", self.table.table), reason));
    }

    fn table_plan(&mut self) -> TablePlan {
        let (table, source) = (self.table, self.mapping.file.source.clone());
        if self.mapping.is_envelope() {
            self.columns(&ENVELOPE_COLUMNS.map(str::to_owned));
        } else if table.key.is_empty() || table.roles.is_empty() || table.kind.is_none() {
            self.fault("", "a mapped table has a key, a kind and at least one [[table.role]]");
        }
        let group = match &table.relation_group {
            Some(group) => {
                GroupPlan::Columns { prefix: group.prefix.clone(), columns: self.columns(&group.columns) }
            }
            None if table.roles.len() > 1 || (!table.act.is_empty() && table.refers_to.is_none()) => {
                GroupPlan::RowKey
            }
            None => GroupPlan::None,
        };
        TablePlan {
            entity: table.entity.clone(),
            mapping_version: self.mapping.file.mapping_version,
            columns: self.columns.to_vec(),
            key: self.columns(&table.key),
            recorded_at: table.recorded_at.as_ref().map(|column| self.column(column)),
            valid_from: table.valid_from.as_ref().map(|date| self.date(date)),
            valid_to: table.valid_to.as_ref().map(|date| self.date(date)),
            act: self.columns(&table.act),
            refers_to: table.refers_to.as_ref().map(|reference| ReferencePlan {
                source: reference.source.clone(),
                columns: self.columns(&reference.columns),
                role: reference.role.clone(),
            }),
            group,
            kind: self.kind(),
            standing: self.standing(),
            withdrawn_kind: format!("{source}.{}_withdrawn", table.entity),
            roles: table.roles.iter().map(|role| self.role(role)).collect(),
            source,
        }
    }

    fn date(&mut self, date: &DateColumn) -> (usize, super::file::DateFormat) {
        let (column, format) = date.parts();
        (self.column(column), format)
    }

    fn kind(&mut self) -> ChoicePlan<String> {
        match &self.table.kind {
            None => ChoicePlan::Constant(String::new()),
            Some(Choice::Constant(kind)) => ChoicePlan::Constant(kind.clone()),
            Some(Choice::Column(choice)) => self.choice(choice, None, |text| Some(text.to_owned())),
        }
    }

    fn standing(&mut self) -> ChoicePlan<Standing> {
        match &self.table.standing {
            None => ChoicePlan::Constant(Standing::Asserted),
            Some(Choice::Constant(text)) => ChoicePlan::Constant(standing(text).unwrap_or_else(|| {
                self.fault("standing", "is asserted, corrected, annulled or ceased");
                Standing::Asserted
            })),
            Some(Choice::Column(choice)) => self.choice(choice, Some(Standing::Asserted), standing),
        }
    }

    fn choice<T: Clone>(
        &mut self,
        choice: &ColumnChoice,
        default_null: Option<T>,
        read: impl Fn(&str) -> Option<T>,
    ) -> ChoicePlan<T> {
        let column = self.column(&choice.column);
        let mut meaning = |text: &String| {
            let meaning = read(text);
            if meaning.is_none() {
                self.fault(
                    &choice.column,
                    &format!("'{text}' is not a standing: asserted, corrected, annulled or ceased"),
                );
            }
            meaning
        };
        ChoicePlan::Column {
            column,
            codes: choice
                .codes
                .iter()
                .filter_map(|(code, text)| Some((code.clone(), meaning(text)?)))
                .collect(),
            null: choice.null.as_ref().and_then(&mut meaning).or(default_null),
            filled: choice.filled.as_ref().and_then(&mut meaning),
        }
    }

    fn role(&mut self, role: &RoleSpec) -> RolePlan {
        RolePlan {
            role: role.role.clone(),
            present: self.columns(&role.present),
            identifiers: role.identifiers.iter().map(|i| (i.kind, self.column(&i.column))).collect(),
            fields: role.fields.iter().filter_map(|field| self.field(&role.role, field)).collect(),
        }
    }

    fn field(&mut self, role: &str, spec: &FieldSpec) -> Option<(FieldName, ValuePlan)> {
        let place = format!("role {role}, field {}", spec.field);
        let name = match spec.field.parse::<FieldName>() {
            Ok(name) => name,
            Err(error) => {
                self.fault(&place, &error.to_string());
                return None;
            }
        };
        let plan = if !spec.parts.is_empty() {
            let parts = spec.parts.iter();
            ValuePlan::Parts(
                parts.filter_map(|(part, spec)| Some((part.clone(), self.reader(&place, spec)?))).collect(),
            )
        } else if spec.form == Some(FormName::Name) {
            let columns = spec.columns.clone().unwrap_or_default();
            let mut find = |column: Option<String>| column.map(|column| self.column(&column));
            ValuePlan::Name {
                full: find(columns.full),
                family: find(columns.family),
                middle: find(columns.middle),
                given: find(columns.given),
            }
        } else if let (Some(FormName::Constant), Some(value)) = (spec.form, &spec.value) {
            ValuePlan::Constant { value: value.clone(), when: self.columns(&spec.when) }
        } else if let Some(form) = spec.form {
            let (column, list) = (spec.column.clone(), spec.list.clone());
            let (numbering, value) = (spec.numbering.clone(), spec.value.clone());
            let part =
                PartSpec { form, column, format: spec.format, list, numbering, of: None, on: None, value };
            ValuePlan::Scalar(self.reader(&place, &part)?)
        } else {
            self.fault(&place, "give it a form, or parts");
            return None;
        };
        Some((name, plan))
    }

    fn reader(&mut self, place: &str, spec: &PartSpec) -> Option<ReaderPlan> {
        let column = spec.column.as_ref().map(|column| self.column(column));
        if spec.of.is_some() || spec.on.is_some() {
            return self.timed_code(place, spec, column);
        }
        let plan = match (spec.form, column, &spec.list, &spec.value) {
            (FormName::Text, Some(column), None, None) => Some(ReaderPlan::Text(column)),
            (FormName::Date, Some(column), None, None) => {
                Some(ReaderPlan::Date(column, spec.format.unwrap_or_default()))
            }
            (FormName::Code, Some(column), Some(list), None) => {
                // A list that is not there was reported when the lists were loaded.
                let table = self.mapping.codes.get(&(list.clone(), spec.numbering.clone()))?;
                Some(ReaderPlan::Code(column, table.clone()))
            }
            (FormName::Constant, None, None, Some(value)) => Some(ReaderPlan::Constant(value.clone())),
            (FormName::Text | FormName::Date | FormName::Code | FormName::Constant | FormName::Name, ..) => {
                None
            }
        };
        if plan.is_none() {
            self.fault(
                place,
                "text and date need a column, code a column and a list, constant a value; a name is no part",
            );
        }
        plan
    }

    fn timed_code(&mut self, place: &str, spec: &PartSpec, column: Option<usize>) -> Option<ReaderPlan> {
        let plain = spec.list.is_none() && spec.numbering.is_none() && spec.value.is_none();
        match (spec.form, column, &spec.of, &spec.on) {
            (FormName::Code, Some(column), Some(of), Some(on)) if plain => {
                let (lists, on) = (self.mapping.timed.get(of)?.clone(), self.date(on));
                Some(ReaderPlan::CodeOn(column, TimedCodes { of: of.clone(), on, lists }))
            }
            _ => {
                self.fault(
                    place,
                    "a code of the list in force has a column, 'of' (what the list numbers) and 'on' (the column with the day), \
                     no list and no numbering",
                );
                None
            }
        }
    }
}

fn standing(text: &str) -> Option<Standing> {
    Standing::ALL.into_iter().find(|standing| standing.as_str() == text && *standing != Standing::Withdrawn)
}
