//! Record linkage on synthetic people with the errors of real registers: how well, how fast, and never twins.

use acceptance::linkage::{Errors, HEADINGS, Sample, sample};
use chrono::NaiveDate;
use record_linkage::{
    Blocks, Clusters, Decided, Model, Scorer, Table, TableBuilder, agreement, candidates, cluster, judge,
    learn,
};
use registry_rules::CodeLists;
use std::time::Instant;

const MODEL: &str = include_str!("../../schemas/linkage/registry-vi.toml");
const PROVINCES: &str = include_str!("../../schemas/codes/province_2025.toml");
/// Those whom weights are learned from.
const LEARNED_FROM: usize = 12_000;
/// Those who are to be found: more, so that there are twins enough among them.
const PEOPLE: usize = 18_000;

fn model() -> Model {
    Model::new(Model::read_file(MODEL).unwrap(), &CodeLists::parse([PROVINCES]).unwrap()).unwrap()
}

/// The weights that the registry is shipped with.
const SHIPPED: &str = include_str!("../../schemas/linkage/registry.toml");
/// Of two records taken at random in a registry of a million people. The sample is smaller, and so would be its own.
const PRIOR: f64 = 1e-6;

/// They are those that learning finds: no hand has touched them, and anybody can find them again.
#[test]
fn the_shipped_weights_are_what_is_learned_from_invented_people() {
    let model = model();
    let learned = learn(&table(&people(LEARNED_FROM, 41), &model), &model, None).unwrap().model;
    let weights = record_linkage::Weights { prior: PRIOR, ..learned.weights().unwrap().clone() };
    let expected = record_linkage::write_model(MODEL, &learned.with_weights(weights));
    if expected != SHIPPED {
        let path = std::env::temp_dir().join("registry.toml");
        std::fs::write(&path, &expected).unwrap();
        panic!("schemas/linkage/registry.toml is another one: what is learned is in {}", path.display());
    }
}

fn people(count: usize, seed: u64) -> Sample {
    sample(count, seed, NaiveDate::from_ymd_opt(2026, 11, 20).unwrap(), &Errors::default())
}

fn table(sample: &Sample, model: &Model) -> Table {
    let place = |column: &str| HEADINGS.iter().skip(1).position(|heading| *heading == column).unwrap();
    let places: Vec<usize> = model.columns().map(place).collect();
    let mut builder = TableBuilder::new(model);
    for record in &sample.records {
        builder.push(&record.id, places.iter().map(|place| record.values[*place].as_str()));
    }
    builder.finish().unwrap()
}

fn linked(table: &Table, model: &Model) -> Clusters {
    let blocks = Blocks::of(table, model);
    let mut scorer = Scorer::new(table, model).unwrap();
    let began = Instant::now();
    let (kept, compared) = candidates(&blocks, &mut scorer);
    let took = began.elapsed();
    let decided = Decided::default();
    let mut judged = judge(&kept, &mut scorer, &decided);
    let clusters = cluster(&mut judged, &scorer, &decided);
    let mut bands = std::collections::BTreeMap::new();
    for pair in &judged {
        *bands.entry((pair.band, pair.reason)).or_insert(0) += 1;
    }
    #[expect(clippy::print_stdout, reason = "a figure to be read, not to fail on a clock")]
    {
        let rate = f64::from(u32::try_from(compared).unwrap()) / took.as_secs_f64();
        println!("{} records, {compared} pairs, {rate:.0} pairs a second; {bands:?}", table.len());
        println!("over bound: {}", blocks.over_bound().len());
    }
    clusters
}

/// Weights learned without the truth from other people; F1 and twins as promised.
#[test]
fn people_are_found_and_twins_are_not_joined() {
    let learned_from = people(LEARNED_FROM, 41);
    let model = model();
    let learned = learn(&table(&learned_from, &model), &model, None).unwrap();
    assert!(learned.unlearned.is_empty(), "{:?}", learned.unlearned);
    let sample = people(PEOPLE, 42);
    let table = table(&sample, &learned.model);
    let clusters = linked(&table, &learned.model);
    let found = |record: usize| clusters.of(table.find(&sample.records[record].id).unwrap());
    let pairs = (0..sample.records.len()).map(|n| (found(n), u32::try_from(sample.person[n]).unwrap()));
    let measured = agreement(pairs);
    #[expect(clippy::print_stdout, reason = "figures to be read")]
    {
        let (precision, recall, f1) = (measured.precision(), measured.recall(), measured.f1());
        println!("precision {precision:.5}, recall {recall:.5}, F1 {f1:.5}, twins {}", sample.twins.len());
    }
    assert!(sample.twins.len() > 20, "too few to say anything: {}", sample.twins.len());
    let people = &sample.person;
    let records_of = |person: usize| (0..people.len()).filter(move |n| people[*n] == person);
    for (one, other) in &sample.twins {
        for left in records_of(*one) {
            assert!(records_of(*other).all(|right| found(left) != found(right)), "twins {one} and {other}");
        }
    }
    assert!(measured.f1() >= 0.995, "{measured:?}: F1 {}", measured.f1());
}
