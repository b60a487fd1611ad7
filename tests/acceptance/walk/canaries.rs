//! Values that nobody would write by chance, one for each field of each test citizen, and what each may be known as.

use acceptance::pipeline::source_mapping;
use acceptance::population::{Person, Plan, Population, SOURCES, generate_with, unaccented};
use registry_rules::{FieldName, IdentifierKind};
use source_adapter::mapping::file::RoleSpec;
use std::collections::{BTreeMap, BTreeSet};

/// Columns of free text and how a token is chosen. Codes and dates cannot carry one: columns are checked by name as well.
const SALTED: [(&str, &str, Salt); 22] = [
    ("hotich.khai_sinh", "noi_sinh_xa", Salt::Value),
    ("hotich.khai_sinh", "noi_sinh_chi_tiet", Salt::Cell),
    ("hotich.khai_sinh", "que_quan_xa", Salt::Value),
    ("hotich.ly_hon", "so_ban_an", Salt::Cell),
    ("hotich.ly_hon", "toa_an", Salt::Cell),
    ("hotich.khai_tu", "so_trich_luc", Salt::Cell),
    ("hotich.thay_doi", "can_cu", Salt::Cell),
    ("cu_tru.cong_dan", "que_quan_xa", Salt::Value),
    ("cu_tru.thuong_tru", "dia_chi", Salt::Cell),
    ("cu_tru.thuong_tru", "ly_do_xoa", Salt::Cell),
    ("cu_tru.tam_tru", "dia_chi", Salt::Cell),
    ("cu_tru.noi_o_hien_tai", "dia_chi", Salt::Cell),
    ("cu_tru.tam_vang", "noi_den", Salt::Cell),
    ("cu_tru.khai_bao", "dien_thoai", Salt::Cell),
    ("cu_tru.khai_bao", "thu_dien_tu", Salt::Cell),
    ("cu_tru.khai_bao", "ten_goi_khac", Salt::Cell),
    ("cu_tru.khai_bao", "thong_tin_khac", Salt::Cell),
    ("can_cuoc.so_dinh_danh", "que_quan_xa", Salt::Value),
    ("can_cuoc.so_dinh_danh", "ly_do_huy", Salt::Cell),
    ("can_cuoc.the", "noi_cap", Salt::Cell),
    ("y_te.giay_bao_tu", "nguyen_nhan", Salt::Cell),
    ("y_te.giay_chung_sinh", "gio_sinh", Salt::Cell),
];

/// Names under which a value stands elsewhere: a part within the whole, a person's own value at a relative.
const ELSEWHERE: [(&str, &[&str]); 5] = [
    ("npd.birth_name.full", &["npd.relatives.name", "npd.household.name"]),
    ("npd.birth_name.family", &["npd.birth_name.full", "npd.relatives.name", "npd.household.name"]),
    ("npd.birth_name.given", &["npd.birth_name.full", "npd.relatives.name", "npd.household.name"]),
    ("npd.pin", &["npd.relatives.pin", "npd.household.pin", "npd.id_cards.number"]),
    ("npd.cmnd9", &["npd.relatives.cmnd9", "npd.household.cmnd9"]),
];

/// What shares a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Salt {
    /// Nothing: each cell has its own.
    Cell,
    /// Equal values, which several offices state of one person and which must not seem to disagree.
    Value,
}

/// A value that must not be met where its fields are not permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Canary {
    /// Table and column in which it was written first.
    pub(super) origin: String,
    /// Names of the fields that it is a value of; none: it must not leave its source.
    pub(super) fields: BTreeSet<String>,
}

/// All canaries by their token or number, in lower case.
#[derive(Clone, Debug, Default)]
pub(super) struct Canaries {
    known: BTreeMap<String, Canary>,
    /// Table and column → names of the fields that mappings read from it.
    stated: BTreeMap<(String, String), BTreeSet<String>>,
    /// Column and value → the token they share.
    shared: BTreeMap<(String, String), String>,
    next: usize,
}

/// Field names in the catalogue's words: `npd.birth_name.full`.
fn names(field: &str, part: Option<&str>) -> BTreeSet<String> {
    let item: FieldName = field.parse().unwrap();
    let name = part.map_or_else(|| item.as_str().to_owned(), |part| format!("{}.{part}", item.as_str()));
    let elsewhere = ELSEWHERE.iter().find(|(own, _)| *own == name).map_or(&[][..], |(_, others)| others);
    elsewhere.iter().map(|other| (*other).to_owned()).chain([name.clone()]).collect()
}

/// The columns that a role is read from, with the names of what they say.
fn stated(role: &RoleSpec) -> Vec<(String, BTreeSet<String>)> {
    let mut stated = Vec::new();
    let mut state = |column: &Option<String>, names: BTreeSet<String>| {
        stated.extend(column.clone().map(|column| (column, names)));
    };
    for one in &role.identifiers {
        let field = match one.kind {
            IdentifierKind::Pin | IdentifierKind::ReplacesPin => "pin",
            IdentifierKind::Cmnd9 => "cmnd9",
            IdentifierKind::SourcePerson => continue,
        };
        state(&Some(one.column.clone()), names(field, None));
    }
    for field in &role.fields {
        state(&field.column, names(&field.field, None));
        for (part, spec) in &field.parts {
            state(&spec.column, names(&field.field, Some(part)));
        }
        let columns = field.columns.clone().unwrap_or_default();
        state(&columns.full, names(&field.field, Some("full")));
        state(&columns.family, names(&field.field, Some("family")));
        state(&columns.middle, names(&field.field, Some("full")));
        state(&columns.given, names(&field.field, Some("given")));
    }
    stated
}

impl Canaries {
    pub(super) fn new() -> Self {
        let mut canaries = Self::default();
        for source in SOURCES {
            let mapping = source_mapping(source).unwrap();
            let roles = mapping
                .file()
                .tables
                .iter()
                .flat_map(|table| table.roles.iter().map(move |role| (table, role)));
            for (table, role) in roles {
                for (column, names) in stated(role) {
                    let key = (table.table.clone(), column);
                    canaries.stated.entry(key).or_default().extend(names);
                }
            }
        }
        canaries
    }

    /// A token that stands for one value: letters around digits, whatever an office does to case and marks.
    fn token(&mut self, origin: &str, fields: BTreeSet<String>) -> String {
        self.next += 1;
        let token = format!("kz{:07}q", self.next);
        self.known.insert(token.clone(), Canary { origin: origin.to_owned(), fields });
        token
    }

    fn fields_of(&self, table: &str, column: &str) -> BTreeSet<String> {
        self.stated.get(&(table.to_owned(), column.to_owned())).cloned().unwrap_or_default()
    }

    /// A population each of whose people carries tokens.
    pub(super) fn population(&mut self, plan: &Plan) -> Population {
        let mut population = generate_with(plan, |_, person| self.name(person));
        for (table, column, salt) in SALTED {
            let rows = population.tables.iter_mut().find(|t| t.layout.table == table);
            let rows = rows.unwrap_or_else(|| panic!("there is no table {table}"));
            let (origin, fields) = (format!("{table}.{column}"), self.fields_of(table, column));
            rows.rewrite(column, |value| {
                let token = match salt {
                    Salt::Cell => self.token(&origin, fields.clone()),
                    Salt::Value => self.shared(column, value, &fields),
                };
                Some(format!("{value} {token}"))
            });
        }
        for ((table, column), fields) in self.stated.clone() {
            let is_number = fields.contains("npd.pin") || fields.contains("npd.cmnd9");
            let Some(rows) = population.tables.iter().find(|t| t.layout.table == table && is_number) else {
                continue;
            };
            for number in rows.column(&column).into_iter().flatten().filter(|number| is_whole_number(number))
            {
                let canary = Canary { origin: format!("{table}.{column}"), fields: BTreeSet::new() };
                self.known.entry(number).or_insert(canary).fields.extend(fields.clone());
            }
        }
        population
    }

    /// The person's given name becomes one of its own, in the spelling of each office.
    fn name(&mut self, person: &mut Person) {
        let token = self.token("people.name", names("birth_name", Some("given")));
        person.name.given = format!("{} {}", person.name.given, token.replacen("kz", "Kz", 1));
    }

    /// The token of a value, the same in every column of that name.
    fn shared(&mut self, column: &str, value: &str, fields: &BTreeSet<String>) -> String {
        let key = (column.to_owned(), unaccented(value).to_lowercase());
        if let Some(token) = self.shared.get(&key) {
            if let Some(canary) = self.known.get_mut(token) {
                canary.fields.extend(fields.clone());
            }
            return token.clone();
        }
        let token = self.token(column, fields.clone());
        self.shared.insert(key, token.clone());
        token
    }

    /// A new token for a column that is written while everything runs.
    pub(super) fn fresh(&mut self, table: &str, column: &str) -> String {
        let fields = self.fields_of(table, column);
        assert!(!fields.is_empty(), "no mapping reads {table}.{column}");
        self.token(&format!("{table}.{column}"), fields)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// The canaries that stand in these bytes.
    pub(super) fn in_bytes(&self, bytes: &[u8]) -> BTreeMap<&str, &Canary> {
        let mut found = BTreeMap::new();
        let mut note = |candidate: &[u8]| {
            let candidate = String::from_utf8_lossy(candidate).to_lowercase();
            found
                .extend(self.known.get_key_value(&candidate).map(|(token, canary)| (token.as_str(), canary)));
        };
        // The first letter of a token may be taken for the end of a longer word: Avro's lengths are bytes before texts.
        for window in bytes.windows(10).filter(|w| matches!(w, [b'k' | b'K', b'z' | b'Z', ..])) {
            note(window);
        }
        for digits in bytes.split(|byte| !byte.is_ascii_digit()).filter(|run| matches!(run.len(), 9 | 12)) {
            note(digits);
        }
        found
    }
}

fn is_whole_number(text: &str) -> bool {
    matches!(text.len(), 9 | 12) && text.bytes().all(|byte| byte.is_ascii_digit())
}
