//! What did we know: any generated history, in any order, against the simplest registry; and every moment of it as known
//! then.

use super::generated::{KEY, RULES, Said, history, rules};
use super::world::{CATALOGUE, Dice, Make, World, apply, day, settle};
use acceptance::reference::{Person, Reference};
use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use event_log::{ControlEvent, SourceMessage};
use reconciler::{Body, Incoming, IncomingMessage, Reconciler};
use registry_rules::{
    FieldCatalogue, IdentifierKind, IdentityDecision, RecordKey, SourceRecord, Standing, Verdict,
};
use registry_store::{Inquiry, Moment, fingerprint_key, state_hash_at};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

const PEOPLE: usize = 5;
const STEPS: usize = 45;
/// The day on which every registry here begins.
const FIRST_DAY: &str = "2026-03-01";

/// The log's time of the n-th message.
pub(super) fn time(n: usize) -> DateTime<Utc> {
    let first = Utc.with_ymd_and_hms(2026, 3, 1, 5, 0, 0).unwrap();
    first + TimeDelta::milliseconds(i64::try_from(n).unwrap())
}

/// A log with its times: the n-th message was appended at `time(n)`.
pub(super) struct Log(pub(super) Vec<(usize, Said)>);

impl Log {
    /// As it came about.
    pub(super) fn of(said: Vec<Said>) -> Self {
        Self(said.into_iter().enumerate().collect())
    }

    /// In another order of arrival, with repetitions; days and rules keep theirs, which is that of their one partition.
    pub(super) fn shuffled(said: &[Said], dice: &mut Dice) -> Self {
        let mut records: Vec<Said> = said.iter().filter(|s| s.is_record()).cloned().collect();
        let again: Vec<Said> = records.iter().filter(|_| dice.below(5) == 0).cloned().collect();
        records.extend(again);
        dice.shuffle(&mut records);
        for control in said.iter().filter(|s| !s.is_record()) {
            let at = dice.below(records.len() + 1);
            let last = records.iter().rposition(|s| !s.is_record()).map_or(0, |n| n + 1);
            records.insert(at.max(last), control.clone());
        }
        Self::of(records)
    }

    /// The simplest registry over what came first.
    fn reference(&self, end: usize) -> Reference {
        let (mut records, mut today, mut catalogue) = (Vec::new(), day(FIRST_DAY), CATALOGUE.to_owned());
        for (_, said) in self.0.iter().take(end) {
            match said {
                Said::Record(record) => records.push(SourceRecord::clone(record)),
                Said::Day(date) => today = today.max(*date),
                Said::Rules(name) => catalogue = rules(name),
            }
        }
        let catalogue = FieldCatalogue::parse(&catalogue).unwrap();
        Reference::new(records, catalogue, fingerprint_key(KEY), today)
    }
}

/// A message as it lies in the log at its time.
fn message(world: &mut World, (n, said): &(usize, Said)) -> IncomingMessage {
    let at = time(*n);
    let mut control = |event| {
        world.offset += 1;
        IncomingMessage {
            topic: world.topics.control(),
            source: "".into(),
            partition: 0,
            offset: world.offset,
            received_at: at,
            body: Body::Control(event),
        }
    };
    let mut one = match said {
        Said::Record(record) => {
            world.batch([SourceMessage::Record(SourceRecord::clone(record))]).messages.pop().unwrap()
        }
        Said::Day(date) => control(ControlEvent::DayOpened { date: *date }),
        Said::Rules(name) => control(ControlEvent::RulesActivated { rule_set: (*name).to_owned() }),
    };
    one.received_at = at;
    if let Body::Record(received) = &mut one.body {
        received.received_at = at;
    }
    one
}

/// A part of a log.
pub(super) fn batch(world: &mut World, said: &[(usize, Said)]) -> Incoming {
    let messages = said.iter().map(|one| message(world, one)).collect();
    world.claimed(Incoming { messages, ..Incoming::default() })
}

/// A registry that has received a log in batches of any size.
pub(super) async fn received(log: &[(usize, Said)], dice: &mut Dice) -> (World, Reconciler) {
    let (mut world, reconciler) = World::new().await;
    for name in RULES {
        let keep = sqlx::query("insert into rule_set (name, catalogue) values ($1, $2)");
        keep.bind(name).bind(rules(name)).execute(&world.pool).await.unwrap();
    }
    world.go_live(&reconciler).await;
    let mut rest = log;
    while !rest.is_empty() {
        let (now, later) = rest.split_at((1 + dice.below(20)).min(rest.len()));
        let batch = batch(&mut world, now);
        apply(&reconciler, &batch).await;
        if dice.below(2) == 0 {
            settle(&reconciler).await;
        }
        rest = later;
    }
    settle(&reconciler).await;
    (world, reconciler)
}

/// In what the registry differs from the simplest one, for whoever mends it.
async fn differences(world: &World, reference: &Reference) -> Vec<String> {
    let mut found = Vec::new();
    for person in reference.persons() {
        let name = person.records[0].record_key.as_str();
        let view = super::person(&world.pool, name).await;
        let records: Vec<&RecordKey> = view.records.iter().map(|r| &r.record_key).collect();
        let expected: Vec<&RecordKey> = person.records.iter().map(|r| &r.record_key).collect();
        if records != expected {
            found.push(format!("{}: {records:?} instead of {expected:?}", person.anchor));
        }
        let has: BTreeMap<_, _> = view
            .fields
            .iter()
            .map(|(n, f)| (n.as_str(), (&f.record_key, f.state, &f.rule, &f.value)))
            .collect();
        let fields = &person.outcome.image.fields;
        let wants: BTreeMap<_, _> =
            fields.iter().map(|(n, f)| (n.as_str(), (&f.record_key, f.state, &f.rule, &f.value))).collect();
        if has != wants {
            found.push(format!("{}: {has:?} instead of {wants:?}", person.anchor));
        }
        let sorted = |mut records: Vec<String>| {
            records.sort();
            records
        };
        let mut has: Vec<_> =
            view.cases.iter().map(|c| (c.kind.clone(), sorted(c.record_keys.clone()))).collect();
        has.sort();
        let mut wants: Vec<(String, Vec<String>)> = person
            .cases
            .iter()
            .map(|c| {
                (c.kind.as_str().to_owned(), sorted(c.records.iter().map(ToString::to_string).collect()))
            })
            .collect();
        wants.sort();
        if has != wants {
            found.push(format!("{}: cases {has:?} instead of {wants:?}", person.anchor));
        }
    }
    found
}

#[tokio::test]
async fn any_history_in_any_order_is_what_the_simplest_registry_makes_of_it() {
    for seed in 1..=6 {
        let said = history(seed, PEOPLE, STEPS);
        let reference = Log::of(said.clone()).reference(usize::MAX);
        let expected = reference.state_hash().to_string();
        for order in 0..3 {
            let mut dice = Dice(seed * 100 + order);
            let log = if order == 0 { Log::of(said.clone()) } else { Log::shuffled(&said, &mut dice) };
            let (world, _reconciler) = received(&log.0, &mut dice).await;
            let found = differences(&world, &reference).await;
            assert!(found.is_empty(), "seed {seed}, order {order}: {found:#?}");
            assert_eq!(world.state().await, expected, "seed {seed}, order {order}");
            let kept = state_hash_at(&world.pool, None, &fingerprint_key(KEY)).await.unwrap();
            assert_eq!(kept.to_string(), expected, "the kept versions, seed {seed}, order {order}");
        }
    }
}

async fn apply_all(reconciler: Reconciler, batches: Vec<Incoming>) {
    for batch in batches {
        apply(&reconciler, &batch).await;
    }
}

/// Three at once: two reconcilers share the sources' partitions, a third reads what stewards decide about the same records.
#[tokio::test]
async fn what_stewards_decide_meets_records_that_come_at_the_same_time() {
    for seed in 21..=26 {
        let said: Vec<Said> = history(seed, PEOPLE, 2 * STEPS).into_iter().filter(Said::is_record).collect();
        let log = Log::of(said);
        let expected = log.reference(usize::MAX).state_hash().to_string();
        let (mut world, first) = World::new().await;
        world.go_live(&first).await;
        let all = batch(&mut world, &log.0);
        let steward = world.topics.source("steward");
        let mut writers = JoinSet::new();
        for n in 0..3 {
            let reconciler = world.reconciler().await;
            let reads = |m: &&IncomingMessage| if m.topic == steward { n == 2 } else { m.partition == n };
            let mine: Vec<_> = all.messages.iter().filter(reads).cloned().collect();
            let batches: Vec<Incoming> = mine
                .chunks(5)
                .map(|messages| {
                    world.claimed(Incoming { messages: messages.to_vec(), ..Incoming::default() })
                })
                .collect();
            writers.spawn(apply_all(reconciler, batches));
        }
        writers.join_all().await;
        settle(&first).await;
        assert_eq!(world.state().await, expected, "seed {seed}");
    }
}

fn is(said: &Said, what: impl Fn(&SourceRecord) -> bool) -> bool {
    matches!(said, Said::Record(record) if what(record))
}

/// The check above turned round: with something left out of what the registry is told, it ends elsewhere. What each history
/// is about must matter in some of them, or the check would not notice that it is gone.
#[test]
fn the_simplest_registry_notices_what_is_left_out() {
    type Left = (&'static str, fn(&Said) -> bool);
    let variants: [Left; 7] = [
        ("decisions lost", |said| is(said, |record| record.record_key.source() == "steward")),
        ("who is who forgotten", |said| is(said, |record| IdentityDecision::is_one(&record.record_key))),
        ("aliases dropped", |said| is(said, |r| r.identifier(IdentifierKind::ReplacesPin).is_some())),
        ("days never opened", |said| matches!(said, Said::Day(_))),
        ("rules never activated", |said| matches!(said, Said::Rules(_))),
        ("withdrawals forgotten", |said| is(said, |record| record.standing == Standing::Withdrawn)),
        ("reversals forgotten", |said| {
            is(said, |record| record.fields.keys().any(|name| name.as_str() == "steward.reverses"))
        }),
    ];
    let histories: Vec<Vec<Said>> = (1..=12).map(|seed| history(seed, PEOPLE, STEPS)).collect();
    let state = |said: Vec<Said>| Log::of(said).reference(usize::MAX).state_hash();
    for (what, left) in variants {
        let notices = |said: &Vec<Said>| {
            state(said.iter().filter(|one| !left(one)).cloned().collect()) != state(said.clone())
        };
        assert!(histories.iter().any(notices), "{what}: nobody would notice");
    }
    // Without the versions' order, what stands last in the list is the newest.
    let unordered = |said: &Vec<Said>| {
        let mut arrival = 0;
        let mut reversed: Vec<Said> = said.clone();
        reversed.reverse();
        let reversed = reversed.iter().map(|said| {
            let mut said = said.clone();
            if let Said::Record(record) = &mut said {
                arrival += 1;
                record.version.position = arrival;
            }
            said
        });
        state(reversed.collect()) != state(said.clone())
    };
    assert!(histories.iter().any(unordered), "no version guard: nobody would notice");
}

#[tokio::test]
async fn as_known_then_is_the_state_of_a_registry_that_received_only_what_came_by_then() {
    for seed in 11..=14 {
        let mut dice = Dice(seed);
        let log = Log::shuffled(&history(seed, PEOPLE, STEPS), &mut dice);
        let (world, _reconciler) = received(&log.0, &mut dice).await;
        for _ in 0..6 {
            let end = 1 + dice.below(log.0.len());
            let known = Some(time(end - 1));
            let reference = log.reference(end);
            let then = state_hash_at(&world.pool, known, &fingerprint_key(KEY)).await.unwrap();
            assert_eq!(then, reference.state_hash(), "seed {seed}, the first {end}");
            for person in reference.persons() {
                is_shown(&world, &person, known).await;
            }
        }
        let end = 1 + dice.below(log.0.len());
        let (young, _reconciler) = received(&log.0[..end], &mut dice).await;
        let then = state_hash_at(&world.pool, Some(time(end - 1)), &fingerprint_key(KEY)).await.unwrap();
        assert_eq!(young.state().await, then.to_string(), "seed {seed}: a registry that ends there");
    }
}

/// Whoever is asked for then is shown as the simplest registry has them.
async fn is_shown(world: &World, person: &Person, known: Option<DateTime<Utc>>) {
    let name = person.records[0].record_key.as_str();
    let moment = Moment { day: None, known };
    let inquiry = Inquiry::open(&world.pool, name, moment, &fingerprint_key(KEY)).await.unwrap();
    let view = inquiry.unwrap_or_else(|| panic!("{name} is known")).view();
    let records: Vec<&RecordKey> = view.records.iter().map(|record| &record.record_key).collect();
    assert_eq!(records, person.records.iter().map(|r| &r.record_key).collect::<Vec<_>>(), "{name}");
    let values: BTreeMap<_, _> = view.fields.iter().map(|(n, f)| (n, (&f.value, f.state, &f.rule))).collect();
    let image = &person.outcome.image;
    let expected: BTreeMap<_, _> =
        image.fields.iter().map(|(n, f)| (n, (&f.value, f.state, &f.rule))).collect();
    assert_eq!(values, expected, "{name}");
    assert_eq!((view.pins, view.lifecycle), (image.pins.clone(), image.lifecycle), "{name}");
    assert_eq!(view.cases.len(), person.cases.len(), "{name}");
}

async fn say(world: &mut World, reconciler: &Reconciler, n: usize, made: Make) {
    let one = message(world, &(n, Said::Record(Box::new(made.0))));
    let batch = world.claimed(Incoming { messages: vec![one], ..Incoming::default() });
    apply(reconciler, &batch).await;
    settle(reconciler).await;
}

async fn ask(world: &World, name: &str, day: Option<&str>, known: Option<usize>) -> Option<Inquiry> {
    let moment = Moment { day: day.map(super::day), known: known.map(time) };
    Inquiry::open(&world.pool, name, moment, &fingerprint_key(KEY)).await.unwrap()
}

fn told(inquiry: &Inquiry, field: &str) -> Option<String> {
    let view = inquiry.view();
    view.fields.get(&field.parse().unwrap()).and_then(|f| f.value.text()).map(ToOwned::to_owned)
}

const MO: &str = "001190000001";
const COPY: &str = "residence/person/R1/resident";

#[tokio::test]
async fn a_legal_day_and_a_received_time_are_two_questions() {
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    let home = |key: &str, from: &str, file: &str| {
        let row = Make::new("residence", "permanent", key, "resident").person("R1").from(from);
        row.text("residence_file_no", file)
    };
    say(&mut world, &reconciler, 1, home("1", "2015-01-01", "A")).await;
    say(&mut world, &reconciler, 2, home("2", "2020-01-01", "B")).await;
    let key = "residence/permanent/1/resident";
    for (day, known, expected) in [
        (None, None, Some("B")),
        (Some("2019-12-31"), None, Some("A")),
        (Some("2014-12-31"), None, None),
        (None, Some(1), Some("A")),
        (Some("2021-01-01"), Some(1), Some("A")),
        (Some("2021-01-01"), Some(2), Some("B")),
    ] {
        let inquiry = ask(&world, key, day, known).await.unwrap();
        assert_eq!(told(&inquiry, "residence_file_no").as_deref(), expected, "{day:?} {known:?}");
    }
    assert!(ask(&world, key, None, Some(0)).await.is_none(), "nothing had come by then");
}

#[tokio::test]
async fn who_somebody_was_is_known_as_it_was_then() {
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    let copy =
        || Make::new("residence", "person", "R1", "resident").person("R1").name("Trần Mơ").born("1990-01-02");
    let entry = Make::new("identity", "pin", MO, "holder").pin(MO).name("Trần Mơ").born("1990-01-02");
    let first = Utc::now();
    say(&mut world, &reconciler, 1, copy()).await;
    let alone = super::person(&world.pool, COPY).await.person_id;
    say(&mut world, &reconciler, 2, entry).await;
    let known = super::person(&world.pool, MO).await.person_id;
    say(&mut world, &reconciler, 3, copy().pin(MO).at(110)).await;
    // The ids are the registry's own and have its time, which is later than these log's times.
    let now = Moment { day: None, known: Some(Utc::now()) };
    let key = fingerprint_key(KEY);
    for name in [COPY, MO, "person:residence/R1", &alone.to_string(), &known.to_string()] {
        let inquiry = Inquiry::open(&world.pool, name, now, &key).await.unwrap();
        let view = inquiry.unwrap_or_else(|| panic!("{name}")).view();
        assert_eq!((view.person_id, &*view.absorbed), (known, &[alone][..]), "{name}");
        assert_eq!(view.records.len(), 2);
    }
    for (name, id) in [(COPY, alone), (MO, known), (&*alone.to_string(), alone), (&*known.to_string(), known)]
    {
        let view = ask(&world, name, None, Some(2)).await.unwrap_or_else(|| panic!("{name}")).view();
        assert_eq!((view.person_id, view.records.len()), (id, 1), "{name}");
    }
    let page = registry_store::HistoryPage::default();
    let open = registry_store::FamilySecrets::default();
    let links = registry_store::link_history(&world.pool, known, &page, &open).await.unwrap().entries;
    let events: Vec<&str> = links.iter().map(|link| link.event.event.as_str()).collect();
    assert_eq!(events, ["first_seen", "first_seen", "merged"]);
    assert!(links.iter().all(|link| link.received_at >= first));
    let records = registry_store::record_history(&world.pool, known, &page, &open).await.unwrap().entries;
    let told: Vec<_> =
        records.iter().map(|r| (r.record_key.as_str(), r.received_at, r.superseded_at)).collect();
    let register = format!("identity/pin/{MO}/holder");
    assert_eq!(told, [(COPY, time(1), Some(time(3))), (&register, time(2), None), (COPY, time(3), None)]);
    let early = registry_store::HistoryPage { known: Some(time(2)), ..page };
    let early = registry_store::record_history(&world.pool, known, &early, &open).await.unwrap();
    assert_eq!((early.entries.len(), early.more), (2, false));
}

#[tokio::test]
async fn an_explanation_names_rule_article_the_others_and_who_decided() {
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    let entry = Make::new("identity", "pin", MO, "holder").pin(MO).name("Trần Mơ").born("1990-01-02");
    let copy = Make::new("residence", "person", "R1", "resident").pin(MO).name("Trần Mơ").born("1990-01-03");
    say(&mut world, &reconciler, 1, entry).await;
    say(&mut world, &reconciler, 2, copy).await;
    let field = "date_of_birth".parse().unwrap();
    let register = format!("identity/pin/{MO}/holder");
    let explained = ask(&world, MO, None, None).await.unwrap().explain(Some(&field));
    let [told] = explained.as_slice() else { panic!("one field") };
    assert!(told.open_case && !told.article.is_empty());
    let verdicts = |told: &registry_rules::Explanation| -> Vec<(String, Verdict)> {
        told.statements.iter().map(|s| (s.record_key.to_string(), s.verdict)).collect()
    };
    assert_eq!(
        verdicts(told),
        [(register.clone(), Verdict::Stands), (COPY.to_owned(), Verdict::Contradicts)]
    );
    assert!(told.stands.as_ref().unwrap().rule.starts_with("npd.date_of_birth/"));

    let key = fingerprint_key(KEY);
    let seen = |record: &str, date: &str| {
        let hash = key.value(&registry_rules::FieldValue::Text(date.to_owned()));
        format!(r#"{{"record_key":"{record}","value_hash":"{hash}"}}"#)
    };
    let considered = format!("[{},{}]", seen(&register, "1990-01-02"), seen(COPY, "1990-01-03"));
    let decision = Make::new("steward", "decision", "D1", "decision")
        .person("D1")
        .text("steward.field", "npd.date_of_birth")
        .text("steward.takes", COPY)
        .text("steward.considered", &considered);
    say(&mut world, &reconciler, 3, decision).await;
    let explained = ask(&world, MO, None, None).await.unwrap().explain(Some(&field));
    let told = &explained[0];
    assert_eq!(told.stands.as_ref().unwrap().rule, "decision/D1");
    assert!(told.ground.as_ref().is_some_and(|law| law.contains("154/2024")), "{:?}", told.ground);
    assert_eq!(verdicts(told), [(COPY.to_owned(), Verdict::Stands), (register, Verdict::Contradicts)]);
    let decisions: Vec<_> =
        told.decisions.iter().map(|d| (d.decision_id.as_str(), d.in_force, d.followed)).collect();
    assert_eq!(decisions, [("D1", true, true)]);
    let before = ask(&world, MO, None, Some(2)).await.unwrap().explain(Some(&field));
    assert!(before[0].decisions.is_empty() && before[0].open_case, "nobody had decided yet");
}
