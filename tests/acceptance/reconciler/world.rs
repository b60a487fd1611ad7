//! Invented families as four registers would report them, and a registry to report them to.

use acceptance::stack::{SharedStack, Stack, shared};
use chrono::{DateTime, NaiveDate, TimeZone as _, Utc};
use event_log::{Message as _, SnapshotBegin, SnapshotEnd, SourceMessage, TableCount, Topics};
use reconciler::{
    Applied, Body, Incoming, IncomingMessage, LoadStage, MatchModel, Outcomes, Reconciler, Settings, Summary,
};
use registry_rules::{
    ActReference, FieldValue, Identifier, IdentifierKind, RowKey, SourceRecord, Standing, Version,
};
use registry_store::{Received, claim_positions, fingerprint_key, registry_state};
use sqlx::PgPool;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const CATALOGUE: &str = include_str!("../../../schemas/field-catalogue.toml");
const MODEL: &str = include_str!("../../../schemas/linkage/registry.toml");
const PROVINCES: &str = include_str!("../../../schemas/codes/province_2025.toml");
pub(super) const SOURCES: [&str; 3] = ["civil_status", "identity", "residence"];
pub(super) const GROUP: &str = "reconciler";
const PARTITIONS: i32 = 2;

pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 1, 5, 0, 0).unwrap()
}

/// A record under construction.
#[derive(Clone)]
pub(super) struct Make(pub(super) SourceRecord);

impl Make {
    pub(super) fn new(source: &str, entity: &str, key: &str, role: &str) -> Self {
        Self(SourceRecord {
            record_key: RowKey::new(source, entity, key).unwrap().record(role),
            version: Version { epoch: 1, position: 100, ordinal: 0 },
            kind: format!("{source}.{entity}"),
            standing: Standing::Asserted,
            act: None,
            refers_to: None,
            valid_from: None,
            valid_to: None,
            recorded_at: Some(noon()),
            identifiers: Vec::new(),
            relation_group: None,
            fields: BTreeMap::new(),
            mapping_version: 1,
        })
    }

    fn id(mut self, kind: IdentifierKind, value: &str) -> Self {
        self.0.identifiers.push(Identifier { kind, value: value.to_owned() });
        self
    }

    pub(super) fn pin(self, pin: &str) -> Self {
        self.id(IdentifierKind::Pin, pin)
    }

    pub(super) fn replaces(self, pin: &str) -> Self {
        self.id(IdentifierKind::ReplacesPin, pin)
    }

    pub(super) fn person(self, id: &str) -> Self {
        self.id(IdentifierKind::SourcePerson, id)
    }

    pub(super) fn text(mut self, field: &str, value: &str) -> Self {
        self.0.fields.insert(field.parse().unwrap(), FieldValue::Text(value.to_owned()));
        self
    }

    pub(super) fn name(mut self, name: &str) -> Self {
        let value = FieldValue::parts([("full", name.to_owned())]);
        self.0.fields.insert("birth_name".parse().unwrap(), value);
        self
    }

    pub(super) fn born(self, date: &str) -> Self {
        self.text("date_of_birth", date)
    }

    pub(super) fn group(mut self, group: &str) -> Self {
        self.0.relation_group = Some(group.to_owned());
        self
    }

    pub(super) fn act(mut self, act: &str) -> Self {
        self.0.act =
            Some(ActReference { source: "civil_status".to_owned(), act: act.to_owned(), role: None });
        self.0.relation_group = Some(self.0.record_key.row().as_str().to_owned());
        self
    }

    pub(super) fn refers_to_birth(mut self, act: &str) -> Self {
        let role = Some("child".to_owned());
        self.0.refers_to =
            Some(ActReference { source: "civil_status".to_owned(), act: act.to_owned(), role });
        self
    }

    pub(super) fn from(mut self, date: &str) -> Self {
        self.0.valid_from = Some(date.parse().unwrap());
        self
    }

    pub(super) fn standing(mut self, standing: Standing) -> Self {
        self.0.standing = standing;
        self
    }

    pub(super) fn at(mut self, position: u64) -> Self {
        self.0.version.position = position;
        self
    }

    pub(super) fn epoch(mut self, epoch: u32) -> Self {
        self.0.version.epoch = epoch;
        self
    }
}

impl From<Make> for SourceMessage {
    fn from(make: Make) -> Self {
        Self::Record(make.0)
    }
}

/// The numbers of family `n`: husband, wife, child.
pub(super) fn pins(n: usize) -> [String; 3] {
    [format!("001085{n:06}"), format!("001187{n:06}"), format!("001212{n:06}")]
}

/// All that the registers say of family `n`, with the usual trouble.
pub(super) fn family(n: usize) -> Vec<SourceMessage> {
    let [husband, wife, child] = pins(n);
    let (act, file) = (format!("12/BIRTH/2012/{n}"), format!("residence/file/{}", n / 2));
    let key = n.to_string();
    let names = [format!("Lê Văn Hòa {n}"), format!("Trần Thị Mơ {n}"), format!("Lê Na {n}")];
    let born = ["1985-02-03", "1987-04-05", "2012-06-07"];
    let mut all = vec![
        Make::new("identity", "pin", &husband, "holder").pin(&husband).name(&names[0]).born(born[0]),
        Make::new("identity", "pin", &wife, "holder").pin(&wife).name(&names[1]).born(born[1]),
        Make::new("identity", "pin", &child, "holder")
            .pin(&child)
            .name(&names[2])
            .born(born[2])
            .refers_to_birth(&act),
        Make::new("civil_status", "birth", &key, "child")
            .act(&act)
            .name(&names[2])
            .born(born[2])
            .text("sex", "sex:2"),
        Make::new("civil_status", "birth", &key, "mother").act(&act).name(&names[1]).pin(&wife),
        Make::new("civil_status", "birth", &key, "father").act(&act).name(&names[0]).pin(&husband),
        Make::new("civil_status", "marriage", &key, "husband")
            .act(&format!("12/MARR/2010/{n}"))
            .pin(&husband)
            .text("marital_status", "marital_status:2"),
        Make::new("civil_status", "marriage", &key, "wife")
            .act(&format!("12/MARR/2010/{n}"))
            .pin(&wife)
            .text("marital_status", "marital_status:2"),
    ];
    for (k, pin) in [&husband, &wife, &child].into_iter().enumerate() {
        let id = format!("R{n}-{k}");
        // Some dates of birth disagree; some copies come without the number first.
        let date = if n % 5 == 1 && k == 0 { "1985-02-04" } else { born[k] };
        let person = Make::new("residence", "person", &id, "resident").person(&id).name(&names[k]).born(date);
        if n.is_multiple_of(3) {
            all.push(person.clone().at(50));
        }
        all.push(person.pin(pin));
        let relation = ["relation_to_head:1", "relation_to_head:2", "relation_to_head:3"][k];
        let permanent = Make::new("residence", "permanent", &id, "resident").person(&id).group(&file);
        all.push(permanent.text("relation_to_head", relation).text("residence_file_no", &file));
    }
    if n % 4 == 2 {
        // The husband's number was re-issued, and later records carry the new one.
        let new = format!("001085{:06}", 500_000 + n);
        let entry = Make::new("identity", "pin", &new, "holder").pin(&new).replaces(&husband);
        all.push(entry.name(&names[0]).born(born[0]).at(150));
        let old =
            Make::new("identity", "pin", &husband, "holder").pin(&husband).name(&names[0]).born(born[0]);
        all.push(old.standing(Standing::Ceased).at(151));
        all.push(
            Make::new("civil_status", "death", &key, "deceased")
                .pin(&new)
                .text("death_or_missing", "2025-01-01"),
        );
    }
    if n % 7 == 3 {
        // A stranger carries the wife's number.
        let id = format!("X{n}");
        let stranger = Make::new("residence", "person", &id, "resident").person(&id).pin(&wife);
        all.push(stranger.name("Phạm Quốc Khánh").born("1960-01-01"));
    }
    all.into_iter().map(Into::into).collect()
}

/// A sequence of numbers that is the same on every machine.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for n in (1..items.len()).rev() {
            items.swap(n, self.below(n + 1));
        }
    }
}

/// A message as it lies in the log.
fn message(topics: &Topics, said: SourceMessage, source: &str, offset: i64) -> IncomingMessage {
    let partition = said.row_key().map_or(0, |key| i32::try_from(key.as_str().len()).unwrap() % PARTITIONS);
    let mut payload = Vec::new();
    said.encode(&mut payload).unwrap();
    let body = match said {
        SourceMessage::Record(record) => Body::Record(Received {
            content_hash: record.content_hash(),
            record,
            payload: payload.into(),
            fingerprint: SourceMessage::schema().fingerprint().unwrap().as_str().into(),
            received_at: noon(),
        }),
        mark @ (SourceMessage::Marker(_)
        | SourceMessage::SnapshotBegin(_)
        | SourceMessage::SnapshotEnd(_)
        | SourceMessage::Fence(_)) => Body::Mark(mark),
    };
    let (topic, source) = (topics.source(source), source.into());
    IncomingMessage { topic, source, partition, offset, received_at: noon(), body }
}

/// A registry of its own, and a reconciler on it.
pub(super) struct World {
    pub(super) stack: SharedStack,
    pub(super) pool: PgPool,
    pub(super) topics: Topics,
    pub(super) claims: BTreeMap<(Arc<str>, i32), i64>,
    pub(super) offset: i64,
    pub(super) outcomes: Outcomes,
    matching: Option<Arc<MatchModel>>,
}

impl World {
    pub(super) async fn new() -> (Self, Reconciler) {
        Self::with(None).await
    }

    /// One in which records without a number are matched.
    pub(super) async fn matching() -> (Self, Reconciler) {
        Self::with(Some(Arc::new(MatchModel::parse(MODEL, &[PROVINCES]).unwrap()))).await
    }

    async fn with(matching: Option<Arc<MatchModel>>) -> (Self, Reconciler) {
        let stack = shared().await.unwrap();
        let name = Stack::unique("reconciler");
        stack.registry.create_database(&name).await.unwrap();
        let pool = registry_store::connect(&stack.registry.administrator_url(&name), 8).unwrap();
        registry_store::migrate(&pool).await.unwrap();
        let topics = Topics::new("t.");
        let mut world = Self {
            stack,
            pool,
            topics,
            claims: BTreeMap::new(),
            offset: 0,
            outcomes: Outcomes::default(),
            matching,
        };
        let reconciler = world.reconciler().await;
        world.claim().await;
        (world, reconciler)
    }

    pub(super) async fn reconciler(&self) -> Reconciler {
        let settings = Settings {
            group: GROUP.to_owned(),
            sources: SOURCES.iter().map(|s| ((*s).to_owned(), PARTITIONS)).collect(),
            topics: self.topics.clone(),
            key: fingerprint_key("a key for tests"),
            matching: self.matching.clone(),
        };
        Reconciler::open(self.pool.clone(), settings, CATALOGUE, day("2026-03-01")).await.unwrap()
    }

    pub(super) async fn claim(&mut self) {
        let mut partitions = vec![(self.topics.control(), 0)];
        for source in SOURCES.iter().chain(&["steward", "medical"]) {
            partitions.extend((0..PARTITIONS).map(|n| (self.topics.source(source), n)));
        }
        partitions.extend((0..PARTITIONS).map(|n| (self.topics.source("feedback"), n)));
        let mut connection = self.pool.acquire().await.unwrap();
        for row in claim_positions(&mut connection, GROUP, &partitions).await.unwrap() {
            self.claims.insert((row.topic.into(), row.partition), row.owner_epoch);
        }
    }

    /// A batch of what sources say, at the end of the log.
    pub(super) fn batch(&mut self, said: impl IntoIterator<Item = SourceMessage>) -> Incoming {
        let mut batch = Incoming::default();
        for said in said {
            let source = said.row_key().map_or("civil_status".to_owned(), |key| {
                key.as_str().split('/').next().unwrap_or_default().to_owned()
            });
            self.offset += 1;
            batch.messages.push(message(&self.topics, said, &source, self.offset));
        }
        self.claimed(batch)
    }

    pub(super) fn claimed(&self, mut batch: Incoming) -> Incoming {
        for message in &batch.messages {
            let partition = (Arc::clone(&message.topic), message.partition);
            let claim = self.claims[&partition];
            batch.claims.insert(partition, claim);
        }
        batch
    }

    /// Marks that go to every partition of a source.
    pub(super) fn marks(&mut self, source: &str, mark: &SourceMessage) -> Incoming {
        let mut batch = Incoming::default();
        for partition in 0..PARTITIONS {
            self.offset += 1;
            let mut one = message(&self.topics, mark.clone(), source, self.offset);
            one.partition = partition;
            batch.messages.push(one);
        }
        self.claimed(batch)
    }

    pub(super) async fn apply(&mut self, reconciler: &Reconciler, batch: &Incoming) -> Summary {
        let summary = apply(reconciler, batch).await;
        for counts in summary.outcomes.values() {
            self.outcomes.add(counts);
        }
        summary
    }

    pub(super) async fn say(
        &mut self,
        reconciler: &Reconciler,
        said: impl IntoIterator<Item = Make>,
    ) -> Summary {
        let batch = self.batch(said.into_iter().map(Into::into));
        let summary = self.apply(reconciler, &batch).await;
        settle(reconciler).await;
        summary
    }

    /// A snapshot's marks, in all partitions.
    pub(super) async fn snapshot(
        &mut self,
        reconciler: &Reconciler,
        source: &str,
        epoch: u32,
        tables: &[&str],
    ) {
        let begin = SnapshotBegin { epoch, tables: tables.iter().map(|t| (*t).to_owned()).collect() };
        let batch = self.marks(source, &SourceMessage::SnapshotBegin(begin));
        self.apply(reconciler, &batch).await;
        let tables = tables.iter().map(|t| TableCount { entity: (*t).to_owned(), rows: 0 }).collect();
        let end = SourceMessage::SnapshotEnd(SnapshotEnd { epoch, tables, truncated: Vec::new() });
        let batch = self.marks(source, &end);
        self.apply(reconciler, &batch).await;
    }

    /// Ends the first load.
    pub(super) async fn go_live(&mut self, reconciler: &Reconciler) {
        for source in SOURCES {
            self.snapshot(reconciler, source, 1, &[]).await;
        }
        settle(reconciler).await;
        assert_eq!(reconciler.advance().await.unwrap(), LoadStage::Live);
    }

    pub(super) async fn state(&self) -> String {
        registry_state(&self.pool).await.unwrap().hash.to_string()
    }
}

/// Applies a batch as the service does: again after losing against another writer.
pub(super) async fn apply(reconciler: &Reconciler, batch: &Incoming) -> Summary {
    loop {
        match reconciler.apply(batch).await {
            Ok(Applied::Done(summary)) => return summary,
            Ok(Applied::Loading(stage)) => panic!("a batch came in stage {stage:?}"),
            Err(error) if error.is_contention() => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A step of the matcher, where the first load waits for it.
async fn matched(reconciler: &Reconciler, stage: LoadStage) -> bool {
    stage == LoadStage::Match && reconciler.match_step("tests", &mut Summary::default()).await.unwrap().worked
}

/// Does all that waits in the registry.
pub(super) async fn settle(reconciler: &Reconciler) {
    loop {
        let mut summary = Summary::default();
        let before = reconciler.advance().await.unwrap();
        let worked = matched(reconciler, before).await
            || reconciler.load_slice(&mut summary).await.unwrap()
            || reconciler.merge_due(&mut summary).await.unwrap() > 0
            || reconciler.sweep(noon(), &mut summary).await.unwrap();
        if !worked && reconciler.advance().await.unwrap() == before {
            return;
        }
    }
}
