//! The mapping as a whole: file, columns and rows in, records out.

use super::{Change, Mapped, Mapping, TablePlan};
use crate::postgres::{Row, RowBuffer};
use proptest::prelude::*;
use registry_rules::{CodeLists, FieldValue, IdentifierKind, Standing, Version};

const SEX: &str = r#"
list = "sex"
basis = "test"
[codes]
1 = { vi = "Nam" }
2 = { vi = "Nữ" }
[from.civil_status]
M = "1"
F = "2"
"#;

const BIRTHS: &str = r#"
source = "civil_status"
kind = "record"
mapping_version = 4
publication = "dansync"
slot = "dansync_civil_status"
[[table]]
table = "hotich.khai_sinh"
entity = "birth"
key = ["id"]
recorded_at = "created_at"
valid_from = { column = "registered_on", format = "dmy" }
act = ["office", "act_no"]
kind = { column = "reg_type", codes = { "1" = "civil_status.birth_registered" } }
standing = { column = "status", codes = { "HUY" = "annulled" }, filled = "ceased" }
[[table.role]]
role = "child"
identifiers = [{ kind = "pin", column = "pin" }]
[[table.role.field]]
field = "birth_name"
form = "name"
columns = { family = "ho", middle = "dem", given = "ten" }
[[table.role.field]]
field = "date_of_birth"
form = "date"
format = "dmy"
column = "ngay_sinh"
[[table.role.field]]
field = "sex"
form = "code"
list = "sex"
numbering = "civil_status"
column = "gioi_tinh"
[[table.role.field]]
field = "place_of_birth"
parts = { country = { form = "constant", value = "country:VN" }, detail = { form = "text", column = "noi_sinh" } }
[[table.role]]
role = "mother"
present = ["me"]
[[table.role.field]]
field = "birth_name"
form = "name"
columns = { full = "me" }
"#;

const COLUMNS: [&str; 14] = [
    "id",
    "created_at",
    "registered_on",
    "office",
    "act_no",
    "reg_type",
    "status",
    "pin",
    "ho",
    "dem",
    "ten",
    "ngay_sinh",
    "gioi_tinh",
    "me",
];
const GOOD: &str =
    "7\t2024-05-06 07:08:09.5+00\t05/05/2024\tA/1\t12\t1\t\\N\t\\N\tĐặng\tThị\tÁnh\t03/2024\tF\tLê Hòa";

fn mapping() -> Mapping {
    Mapping::parse(BIRTHS, &CodeLists::parse([SEX]).unwrap()).unwrap()
}

fn plan() -> TablePlan {
    let mut columns = COLUMNS.map(str::to_owned).to_vec();
    columns.push("noi_sinh".to_owned());
    let mapping = mapping();
    mapping.compile(mapping.table("hotich", "khai_sinh").unwrap(), &columns).unwrap()
}

fn line(changes: &[(&str, &str)]) -> String {
    let mut cells: Vec<&str> = GOOD.split('\t').chain(["\\N"]).collect();
    for (column, text) in changes {
        let n = COLUMNS.iter().position(|c| c == column).unwrap_or(COLUMNS.len());
        cells[n] = text;
    }
    cells.join("\t")
}

const VERSION: Version = Version { epoch: 1, position: 5, ordinal: 2 };

fn with_rows(lines: &[&str], apply: impl Fn(&TablePlan, &[Row<'_>]) -> Mapped) -> Mapped {
    let mut buffers: Vec<RowBuffer> = lines.iter().map(|_| RowBuffer::default()).collect();
    let rows: Vec<Row<'_>> = buffers
        .iter_mut()
        .zip(lines)
        .map(|(buffer, line)| buffer.fill_line(line.as_bytes()).unwrap())
        .collect();
    apply(&plan(), &rows)
}

fn inserted(line: &str) -> Mapped {
    with_rows(&[line], |plan, rows| plan.apply(Change::New(rows[0]), VERSION))
}

fn updated(old: &str, new: &str) -> Vec<(String, Standing)> {
    let mapped = with_rows(&[old, new], |plan, rows| {
        plan.apply(Change::Update { old: rows[0], new: rows[1] }, VERSION)
    });
    mapped.records.iter().map(|r| (r.record_key.as_str().to_owned(), r.standing)).collect()
}

#[test]
fn a_row_gives_all_its_roles() {
    let mapped = inserted(&line(&[("noi_sinh", " Hà  Nội")]));
    assert_eq!(mapped.rejected, None);
    let [child, mother] = &mapped.records[..] else { panic!("two roles") };
    assert_eq!(child.record_key.as_str(), "civil_status/birth/7/child");
    assert_eq!((child.kind.as_str(), child.standing), ("civil_status.birth_registered", Standing::Asserted));
    assert_eq!((child.version, child.mapping_version), (VERSION, 4));
    let act = child.act.as_ref().unwrap();
    assert_eq!((act.act.as_str(), act.role.as_deref()), ("A%2F1/12", Some("child")));
    assert_eq!(mother.act.as_ref().unwrap().role.as_deref(), Some("mother"));
    assert_eq!(child.relation_group.as_deref(), Some("civil_status/birth/7"));
    assert_eq!(child.valid_from.unwrap().to_string(), "2024-05-05");
    assert_eq!(child.recorded_at.unwrap().to_rfc3339(), "2024-05-06T07:08:09.500+00:00");
    let value = |record: &registry_rules::SourceRecord, field: &str, part: &str| {
        record.fields.get(&field.parse().unwrap()).and_then(|v: &FieldValue| v.part(part)).map(str::to_owned)
    };
    for (field, part, want) in [
        ("birth_name", "full", Some("Đặng Thị Ánh")),
        ("birth_name", "middle", Some("Thị")),
        ("date_of_birth", "", Some("2024-03")),
        ("sex", "", Some("sex:2")),
        ("place_of_birth", "country", Some("country:VN")),
        ("place_of_birth", "detail", Some("Hà Nội")),
    ] {
        assert_eq!(value(child, field, part).as_deref(), want, "{field}.{part}");
    }
    assert_eq!(value(mother, "birth_name", "full").as_deref(), Some("Lê Hòa"));
    assert_eq!(mother.identifier(IdentifierKind::Pin), None);
    assert!(
        inserted(&line(&[])).records[0].fields.keys().all(|f| f.item() != "place_of_birth"),
        "constants alone"
    );
}

#[test]
fn all_reasons_are_told_and_no_value() {
    let rejected = inserted(&line(&[("created_at", "soon"), ("reg_type", "\\N")])).rejected.unwrap();
    assert_eq!(rejected.reasons, ["bad_timestamp:created_at", "missing_value:kind:reg_type"]);
    let rejected =
        inserted(&line(&[("pin", "123"), ("gioi_tinh", "x"), ("ngay_sinh", "31/02/2024")])).rejected.unwrap();
    assert_eq!(rejected.reasons, ["bad_pin:pin", "no_such_day:ngay_sinh", "unknown_code:sex:gioi_tinh"]);
    assert_eq!(rejected.row_key.as_str(), "civil_status/birth/7");
    let rejected = inserted(&line(&[("id", "\\N")])).rejected.unwrap();
    assert_eq!(
        (rejected.row_key.as_str(), &*rejected.reasons),
        ("civil_status/birth/(no key)", &["missing_key:id".to_owned()][..])
    );
}

#[test]
fn standing_comes_from_its_column() {
    for (status, want) in
        [("\\N", Standing::Asserted), ("HUY", Standing::Annulled), ("anything", Standing::Ceased)]
    {
        assert_eq!(inserted(&line(&[("status", status)])).records[0].standing, want, "{status}");
    }
}

#[test]
fn what_a_row_no_longer_has_is_withdrawn() {
    use Standing::{Asserted, Withdrawn};
    let key = |rest: &str| format!("civil_status/birth/{rest}");
    let (full, no_mother) = (line(&[]), line(&[("me", " ")]));
    let (bad, bad_no_mother) = (line(&[("pin", "1")]), line(&[("pin", "1"), ("me", "\\N")]));
    let moved = line(&[("id", "8")]);
    for (old, new, want) in [
        (&full, &full, vec![(key("7/child"), Asserted), (key("7/mother"), Asserted)]),
        (&full, &no_mother, vec![(key("7/child"), Asserted), (key("7/mother"), Withdrawn)]),
        (&no_mother, &no_mother, vec![(key("7/child"), Asserted)]),
        // An unreadable row may hide an image in which the mother stood.
        (&bad_no_mother, &no_mother, vec![(key("7/child"), Asserted), (key("7/mother"), Withdrawn)]),
        // Nothing is taken back by a row that cannot be read.
        (&full, &bad_no_mother, vec![]),
        (&bad, &full, vec![(key("7/child"), Asserted), (key("7/mother"), Asserted)]),
        (
            &full,
            &moved,
            vec![
                (key("7/child"), Withdrawn),
                (key("7/mother"), Withdrawn),
                (key("8/child"), Asserted),
                (key("8/mother"), Asserted),
            ],
        ),
    ] {
        assert_eq!(updated(old, new), want, "{old}\n{new}");
    }
    let gone = |line: &str| {
        let mapped = with_rows(&[line], |plan, rows| plan.apply(Change::Delete(rows[0]), VERSION));
        assert!(mapped.records.iter().all(|r| r.standing == Withdrawn && r.fields.is_empty()));
        mapped.records.len()
    };
    assert_eq!([gone(&full), gone(&no_mother), gone(&bad_no_mother)], [2, 1, 2]);
    let again = with_rows(&[&no_mother], |plan, rows| plan.apply(Change::Again(rows[0]), VERSION));
    assert_eq!(again.records[1].standing, Withdrawn);
    assert_eq!(again.records[1].kind, "civil_status.birth_withdrawn");
}

#[test]
fn every_fault_of_a_file_is_told_at_once() {
    let file = BIRTHS
        .replace("numbering = \"civil_status\"", "numbering = \"nobody\"")
        .replace("\"annulled\"", "\"gone\"")
        .replace("field = \"date_of_birth\"", "field = \"Date\"");
    let faults = Mapping::parse(&file, &CodeLists::parse([SEX]).unwrap()).unwrap_err();
    let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(text.len(), 3, "{text:?}");
    let mapping = mapping();
    let table = mapping.table("hotich", "khai_sinh").unwrap();
    let faults = mapping.compile(table, &["id".to_owned()]).unwrap_err();
    assert!(faults.iter().any(|f| f.to_string().contains("column 'gioi_tinh'")));
    assert!(Mapping::parse(&BIRTHS.replace("entity =", "entty ="), &CodeLists::default()).is_err());
}

const WARDS: [&str; 2] = [
    "list = \"ward_old\"\nbasis = \"test\"\nof = \"ward\"\nvalid = { to = \"2025-06-30\" }\n[codes]\n04 = { vi = \"Trúc Bạch\" }\n",
    "list = \"ward_new\"\nbasis = \"test\"\nof = \"ward\"\nvalid = { from = \"2025-07-01\" }\n[codes]\n04 = { vi = \"Ba Đình\" }\n08 = { vi = \"Ngọc Hà\" }\n",
];

const MOVES: &str = r#"
source = "residence"
kind = "record"
mapping_version = 1
publication = "dansync"
slot = "dansync_residence"
[[table]]
table = "cu_tru.thuong_tru"
entity = "permanent"
key = ["id"]
kind = "residence.permanent_registered"
[[table.role]]
role = "resident"
[[table.role.field]]
field = "permanent_residence"
parts = { commune = { form = "code", of = "ward", on = { column = "tu_ngay", format = "dmy" }, column = "ma_xa" } }
"#;

/// What a row with this number and day is read as.
fn ward(code: &str, day: &str) -> Mapped {
    let mapping = Mapping::parse(MOVES, &CodeLists::parse(WARDS).unwrap()).unwrap();
    let columns = ["id", "ma_xa", "tu_ngay"].map(str::to_owned);
    let plan = mapping.compile(mapping.table("cu_tru", "thuong_tru").unwrap(), &columns).unwrap();
    let mut buffer = RowBuffer::default();
    let row = format!("1\t{code}\t{day}");
    plan.apply(Change::New(buffer.fill_line(row.as_bytes()).unwrap()), VERSION)
}

#[test]
fn a_number_is_of_the_list_in_force_on_the_rows_day() {
    for (code, day, want) in [
        ("04", "30/06/2025", Ok(Some("ward_old:04"))),
        ("04", "01/07/2025", Ok(Some("ward_new:04"))),
        ("04", "2010", Ok(Some("ward_old:04"))),
        ("04", "07/2025", Ok(Some("ward_new:04"))),
        ("\\N", "\\N", Ok(None)),
        ("08", "30/06/2025", Err(&["unknown_code:ward_old:ma_xa"])),
        ("04", "2025", Err(&["no_list:ward:tu_ngay"])),
        ("04", "\\N", Err(&["missing_value:ward:tu_ngay"])),
        ("04", "31/06/2025", Err(&["no_such_day:tu_ngay"])),
    ] {
        let mapped = ward(code, day);
        let reasons = mapped.rejected.iter().flat_map(|r| &r.reasons).map(String::as_str);
        let said = mapped.records.first().and_then(|record| record.fields.values().next()?.part("commune"));
        let read = if mapped.rejected.is_some() { Err(reasons.collect()) } else { Ok(said) };
        assert_eq!(read, want.map_err(|reasons| reasons.to_vec()), "{code} on {day}");
    }
}

#[test]
fn a_list_in_force_is_named_by_what_it_numbers_and_the_day_alone() {
    let lists = CodeLists::parse(WARDS).unwrap();
    for (from, to, fault) in [
        ("of = \"ward\"", "of = \"village\"", "of 'village': no code list in schemas/codes numbers that"),
        ("of = \"ward\",", "of = \"ward\", list = \"ward_new\",", "no list and no numbering"),
        (", on = { column = \"tu_ngay\", format = \"dmy\" }", "", "'on' (the column with the day)"),
    ] {
        let faults = Mapping::parse(&MOVES.replace(from, to), &lists).unwrap_err();
        let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(text.iter().any(|said| said.contains(fault)), "{text:?}");
    }
    let mapping = Mapping::parse(MOVES, &lists).unwrap();
    let table = mapping.table("cu_tru", "thuong_tru").unwrap();
    let faults = mapping.compile(table, &["id", "ma_xa"].map(str::to_owned)).unwrap_err();
    assert!(faults[0].to_string().contains("column 'tu_ngay'"), "{}", faults[0]);
}

/// The files of this tree, with the tree's code lists.
#[test]
fn every_mapping_of_the_tree_is_sound() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let texts = |dir: &str| -> Vec<(String, String)> {
        let files = std::fs::read_dir(root.join(dir)).unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|path| path.extension().is_some_and(|e| e == "toml"));
        files.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap())).collect()
    };
    let codes = texts("schemas/codes");
    let lists = CodeLists::parse(codes.iter().map(|(_, text)| text.as_str())).unwrap();
    let mappings = texts("deploy/sources");
    assert!(!mappings.is_empty());
    for (path, text) in mappings {
        let mapping = Mapping::parse(&text, &lists).unwrap_or_else(|faults| panic!("{path}: {faults:?}"));
        assert!(
            path.ends_with(&format!("/{}.toml", mapping.source())),
            "{path} is named after another source"
        );
    }
}

proptest! {
    #[test]
    fn any_row_is_mapped_or_rejected_and_says_no_value(cells in proptest::collection::vec("\\PC{0,12}", 15)) {
        let text: Vec<String> = cells.iter().map(|c| c.replace(['\\', '\t'], "")).collect();
        let mapped = inserted(&text.join("\t"));
        prop_assert!(mapped.rejected.is_some() == mapped.records.is_empty());
        for reason in mapped.rejected.iter().flat_map(|r| &r.reasons) {
            prop_assert!(reason.bytes().all(|b| b.is_ascii_lowercase() || b":_".contains(&b)), "{}", reason);
        }
    }
}
