//! What holds for every table: order, guards, margin, bounds.

use crate::model::tests::{PLAIN, model};
use crate::*;
use proptest::prelude::*;

type Row = (String, [String; 5]);

fn table(model: &Model, rows: &[Row]) -> Table {
    // Columns by name: act, born, mother, name, number.
    let mut builder = TableBuilder::new(model);
    for (id, cells) in rows {
        builder.push(id, cells.iter().map(String::as_str));
    }
    builder.finish().unwrap()
}

fn row(id: &str, name: &str, born: &str, number: &str, mother: &str, act: &str) -> Row {
    (id.to_owned(), [act, born, mother, name, number].map(ToOwned::to_owned))
}

#[derive(Debug, PartialEq)]
struct Linked {
    pairs: Vec<(String, String, Band, Reason)>,
    clusters: Vec<(String, String)>,
}

fn link(model: &Model, rows: &[Row], decisions: &[(&str, &str, Verdict)]) -> Linked {
    let table = table(model, rows);
    let mut decided = Decided::default();
    for (left, right, verdict) in decisions {
        decided.add(&table, (left, right), *verdict).unwrap();
    }
    let blocks = Blocks::of(&table, model);
    let mut scorer = Scorer::new(&table, model).unwrap();
    let (candidates, _) = candidates(&blocks, &mut scorer);
    let mut judged = judge(&candidates, &mut scorer, &decided);
    let clusters = cluster(&mut judged, &scorer, &decided);
    let id = |record| table.id(record).to_owned();
    Linked {
        pairs: judged.iter().map(|p| (id(p.left), id(p.right), p.band, p.reason)).collect(),
        clusters: clusters.iter().zip(0..).map(|(of, record)| (id(record), id(of))).collect(),
    }
}

impl Linked {
    fn together(&self, left: &str, right: &str) -> bool {
        let of = |id: &str| &self.clusters.iter().find(|(record, _)| record == id).unwrap().1;
        of(left) == of(right)
    }

    fn pair(&self, left: &str, right: &str) -> (Band, Reason) {
        let (_, _, band, reason) = self.pairs.iter().find(|(a, b, _, _)| a == left && b == right).unwrap();
        (*band, *reason)
    }
}

#[test]
fn the_same_person_however_written() {
    let model = model(PLAIN).unwrap();
    let mother = "Phạm Thị Lý";
    let rows = [
        row("1", "Lê Văn Hòa", "1990-05-01", "001090000001", mother, ""),
        row("2", "LE VAN HOA", "1990-05-01", "", "PHAM THI LY", ""),
        row("3", "Lê Hòa", "01/05/1990", "", mother, ""),
        row("4", "Lê Văn Hoà", "1990-01-05", "001090000001", "", ""),
        row("5", "Lê Văn Hòa", "1990", "001090000001", "", ""),
        row("6", "Trần Thị Mơ", "1990-05-01", "", "Bùi Thị Na", ""),
    ];
    let linked = link(&model, &rows, &[]);
    for id in ["2", "3", "4", "5"] {
        assert!(linked.together("1", id), "{id}: {linked:#?}");
    }
    assert!(!linked.together("1", "6"));
}

#[test]
fn twins_are_never_linked_by_score() {
    let model = model(PLAIN).unwrap();
    let mother = "Phạm Thị Lý";
    for (name, act) in [("Lê Thị Hoa", "x/2019/8"), ("Lê Văn Hóa", "x/2019/8"), ("Lê Văn Hào", "")] {
        let rows = [
            row("1", "Lê Văn Hòa", "2019-05-01", "", mother, "x/2019/7"),
            row("2", name, "2019-05-01", "", mother, act),
        ];
        let linked = link(&model, &rows, &[]);
        assert!(!linked.together("1", "2"), "{name}");
        let confirmed = link(&model, &rows, &[("2", "1", Verdict::Twins)]);
        assert!(confirmed.pairs.iter().all(|(_, _, band, _)| *band == Band::Separate), "{name}");
    }
    // Without the mother's name, by the acts alone.
    let rows = [
        row("1", "Lê Văn Hòa", "2019-05-01", "", "", "x/2019/7"),
        row("2", "Lê Văn Hóa", "2019-05-01", "", "", "x/2019/8"),
    ];
    assert_eq!(link(&model, &rows, &[]).pair("1", "2"), (Band::Review, Reason::Twins));
}

/// Of two twins, a record that fits both goes to neither.
#[test]
fn a_record_that_fits_two_people_is_a_question() {
    let model = model(PLAIN).unwrap();
    let mother = "Phạm Thị Lý";
    let rows = [
        row("1", "Lê Văn Hòa", "2019-05-01", "", mother, ""),
        row("2", "Lê Văn Hóa", "2019-05-01", "", mother, ""),
        row("3", "LE VAN HOA", "2019-05-01", "", mother, ""),
    ];
    let linked = link(&model, &rows, &[]);
    assert_eq!(linked.pair("1", "3"), (Band::Review, Reason::Margin));
    assert_eq!(linked.pair("2", "3"), (Band::Review, Reason::Margin));
    let decided = link(&model, &rows, &[("2", "3", Verdict::Different)]);
    assert!(decided.together("1", "3") && !decided.together("2", "3"), "{decided:#?}");
}

#[test]
fn a_decision_holds_even_through_a_third_record() {
    let model = model(PLAIN).unwrap();
    let rows: Vec<Row> = ["1", "2", "3"]
        .map(|id| row(id, "Lê Văn Hòa", "1990-05-01", "001090000001", "Phạm Thị Lý", ""))
        .into();
    assert!(link(&model, &rows, &[]).together("1", "3"));
    let linked = link(&model, &rows, &[("1", "3", Verdict::Different)]);
    assert!(!linked.together("1", "3"), "{linked:#?}");
}

#[test]
fn a_number_alone_is_a_question() {
    let model =
        model(&PLAIN.replace("m = 0.01, u = 0.99", "m = 0.4, u = 0.99").replace("link = 8.0", "link = 5.0"))
            .unwrap();
    let rows = [
        row("1", "Lê Văn Hòa", "1990-05-01", "025123456", "", ""),
        row("2", "Trần Thị Mơ", "1971-11-23", "025123456", "", ""),
        row("3", "", "", "025123456", "", ""),
    ];
    let linked = link(&model, &rows, &[]);
    assert!(linked.pairs.iter().all(|(_, _, band, _)| *band == Band::Review), "{linked:#?}");
    assert_eq!(linked.pair("1", "2").1, Reason::NumberAlone);
}

#[test]
fn a_block_over_its_bound_is_reported() {
    let model = model(&PLAIN.replacen("format = 1", "format = 1\nblock_bound = 2", 1)).unwrap();
    let rows: Vec<Row> = (0..3).map(|n| row(&n.to_string(), "Lê Hòa", "1990-05-01", "", "", "")).collect();
    let table = table(&model, &rows);
    let blocks = Blocks::of(&table, &model);
    let over: Vec<_> =
        blocks.over_bound().iter().map(|o| (o.rule.as_str(), o.key.as_str(), o.records)).collect();
    assert_eq!(over, [("born", "19900501", 3), ("name.bag + born.year", "hoa le + 1990", 3)]);
    assert_eq!(blocks.pairs(), 0);
}

#[test]
fn a_pair_is_compared_once_and_explained() {
    let model = model(PLAIN).unwrap();
    let rows = [
        row("1", "Lê Văn Hòa", "1990-05-01", "001090000001", "", ""),
        row("2", "LE VAN HOA", "1990-05-01", "001090000001", "Phạm Thị Lý", ""),
    ];
    let table = table(&model, &rows);
    let blocks = Blocks::of(&table, &model);
    let mut pairs = Vec::new();
    blocks.each_pair(|left, right| pairs.push((left, right)));
    assert_eq!((pairs, blocks.rules_of(0, 1), blocks.pairs()), (vec![(0, 1)], vec![0, 1, 2], 3));
    let mut scorer = Scorer::new(&table, &model).unwrap();
    let fall = explain(&mut scorer, 1, 0);
    let levels: Vec<_> = fall.steps.iter().map(|s| (s.column.as_str(), s.level.as_deref())).collect();
    let expected =
        [("name", Some("unaccented")), ("born", Some("exact")), ("number", Some("exact")), ("mother", None)];
    assert_eq!(levels, expected);
    assert!((fall.weight - scorer.weight(0, 1)).abs() < 1e-9 && fall.probability > 0.999);
    assert!((fall.steps[0].bits - 500_f64.log2()).abs() < 1e-9, "m over u, in bits");
}

#[test]
fn an_id_may_stand_once() {
    let model = model(PLAIN).unwrap();
    let mut builder = TableBuilder::new(&model);
    builder.push("7", ["", "x"]);
    builder.push("7", []);
    assert_eq!(builder.finish().unwrap_err(), TableError::Twice("7".to_owned()));
}

fn any_row() -> impl Strategy<Value = [String; 5]> {
    let pick = |texts: &'static [&'static str]| prop::sample::select(texts).prop_map(ToOwned::to_owned);
    (
        pick(&["", "x/2019/7", "x/2019/8"]),
        pick(&["", "1990-05-01", "1990-01-05", "1990-05-11", "1990", "1991-05-01"]),
        pick(&["", "Phạm Thị Lý", "PHAM THI LY", "Bùi Na"]),
        pick(&["Lê Văn Hòa", "LE VAN HOA", "Lê Hòa", "Lê Văn Hóa", "Lê Văn Hoan", "Trần Thị Mơ", ""]),
        pick(&["", "", "001090000001", "001090000010", "001090000007"]),
    )
        .prop_map(|(act, born, mother, name, number)| [act, born, mother, name, number])
}

proptest! {
    /// Whatever the order of arrival, pairs and clusters are the same; and nobody kept apart is together.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        rows in prop::collection::vec(any_row(), 2..24),
        seed in any::<u64>(),
    ) {
        let model = model(PLAIN).unwrap();
        let rows: Vec<Row> = rows.into_iter().enumerate().map(|(n, cells)| (format!("r{n:02}"), cells)).collect();
        let decisions = [("r00", "r01", Verdict::Different)];
        let first = link(&model, &rows, &decisions);
        let mut shuffled = rows.clone();
        shuffled.sort_by_key(|(id, _)| {
            id.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(23))
        });
        prop_assert_eq!(&first, &link(&model, &shuffled, &decisions));
        prop_assert!(!first.together("r00", "r01"));
        let table = table(&model, &rows);
        for (left, one) in rows.iter().enumerate() {
            for (right, other) in rows.iter().enumerate().skip(left + 1) {
                let (left, right) = (u32::try_from(left).unwrap(), u32::try_from(right).unwrap());
                let twins = model.twins.as_ref().unwrap().judge(&table, left, right);
                prop_assert!(twins != crate::twins::Twins::Likely || !first.together(&one.0, &other.0));
            }
        }
    }
}

/// Learning finds the weights that made the data, and the truth where it is given says the same.
#[test]
fn learning_finds_what_made_the_data() {
    let model = model(PLAIN).unwrap();
    let mut chance = 1_u64;
    let mut below = |limit: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % limit
    };
    let syllables = ["an", "ba", "chi", "dung", "em", "giang", "hoa", "khoa", "lan", "mai"];
    let mut rows = Vec::new();
    let mut truth = Vec::new();
    for person in 0..600_u32 {
        let name = [0; 3].map(|_| syllables[usize::try_from(below(10)).unwrap()]).join(" ");
        let born = format!("19{:02}-{:02}-{:02}", below(60) + 10, below(12) + 1, below(28) + 1);
        let mother = [0; 3].map(|_| syllables[usize::try_from(below(10)).unwrap()]).join(" ");
        let number = format!("{:012}", below(1_000_000_000));
        for copy in 0..2 {
            let born = if below(10) == 0 { born.get(..4).unwrap().to_owned() } else { born.clone() };
            let number = if below(5) == 0 { String::new() } else { number.clone() };
            rows.push(row(&format!("{person:04}{copy}"), &name, &born, &number, &mother, ""));
            truth.push(person);
        }
    }
    let table = table(&model, &rows);
    let learned = learn(&table, &model, None).unwrap();
    let counted = learn(&table, &model, Some(&truth)).unwrap();
    assert!(learned.unlearned.is_empty());
    assert!((learned.matches - 600.0).abs() < 30.0, "{}", learned.matches);
    let weights = |model: &Model| model.weights().unwrap().clone();
    let (learned, counted) = (weights(&learned.model), weights(&counted.model));
    assert!((0.15..0.23).contains(&counted.odds["born"]["year"].m), "{:?}", counted.odds["born"]);
    for (column, level) in [("born", "year"), ("born", "exact"), ("name", "exact"), ("number", "exact")] {
        let (a, b) = (learned.odds[column][level], counted.odds[column][level]);
        assert!((a.m - b.m).abs() < 0.04, "{column} {level}: {a:?} {b:?}");
    }
    assert_eq!(learned, weights(&learn(&table, &model, None).unwrap().model), "learning is deterministic");
}
