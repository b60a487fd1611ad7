//! What an outsider could see after the run: topics and tables of each subscriber as bytes and decoded, and everything
//! else that leaves a trace: logs, pages of the admin ports, the ledger, files.

use acceptance::pipeline::{AGREEMENTS, Deployment, kafka};
use acceptance::stack::Stack;
use anyhow::Context as _;
use event_log::{KafkaConfig, read_whole, split_wire_header};
use sqlx::{AssertSqlSafe, PgPool};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use uuid::Uuid;

/// Columns by name; null ones are absent.
pub(super) type Columns = BTreeMap<String, String>;

/// Somewhere a value may have got to.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// What it is.
    pub(super) name: String,
    /// Fields that may stand there.
    pub(super) permitted: BTreeSet<String>,
    /// All that stands there.
    pub(super) bytes: Vec<u8>,
}

/// A record of an agreement's topic, as its subscriber reads it.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) timestamp_ms: i64,
    pub(super) key: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) payload: Vec<u8>,
    /// None: a tombstone.
    pub(super) columns: Option<Columns>,
}

/// What one subscriber has.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriber {
    /// As in the agreement's file.
    pub(super) fields: BTreeSet<String>,
    /// In the order of each partition.
    pub(super) messages: Vec<Message>,
    /// Rows of each table of its database.
    pub(super) tables: BTreeMap<String, Vec<Columns>>,
    /// The table with the persons, its key, and the guard table.
    pub(super) table: String,
    pub(super) ref_column: String,
    pub(super) guard: String,
    /// Whom each reference stands for, which no subscriber knows.
    pub(super) persons: BTreeMap<String, Uuid>,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) subscribers: BTreeMap<&'static str, Subscriber>,
    pub(super) places: Vec<Place>,
}

impl Seen {
    /// Looks at everything while the services still run.
    pub(super) async fn look(stack: &Stack, deployment: &Deployment) -> anyhow::Result<Self> {
        let mut seen = Self::default();
        let kafka = kafka(stack, deployment);
        let disclosure = deployment.registries.disclosure.administrator().await?;
        for agreement in AGREEMENTS {
            let mut one = Subscriber { fields: permitted(agreement)?, ..Subscriber::default() };
            seen.topic(&kafka, stack, agreement, &mut one).await?;
            seen.sector(deployment, agreement, &mut one).await?;
            let persons: Vec<(String, Uuid)> =
                sqlx::query_as("select distinct ref, person_id from delivery where agreement = $1")
                    .bind(agreement)
                    .fetch_all(&disclosure)
                    .await?;
            one.persons = persons.into_iter().collect();
            seen.subscribers.insert(agreement, one);
        }
        for topic in [kafka.topics().control(), kafka.topics().positions()] {
            let bytes = raw(&kafka, &topic).await?;
            seen.add(format!("topic {topic}"), bytes);
        }
        // Person states are the registry's own images, on this side of the gate.
        for (table, rows) in tables(&disclosure, &["person_state"]).await? {
            seen.add(format!("disclosure table {table}"), text(&rows));
        }
        seen.pages(stack, deployment).await?;
        for folder in [
            stack.dir().join("log"),
            deployment.options.dir.join("log"),
            deployment.options.dir.join("services"),
        ] {
            seen.files(&folder)?;
        }
        Ok(seen)
    }

    /// A place where no value may stand.
    fn add(&mut self, name: String, bytes: Vec<u8>) {
        self.places.push(Place { name, permitted: BTreeSet::new(), bytes });
    }

    async fn topic(
        &mut self,
        kafka: &KafkaConfig,
        stack: &Stack,
        agreement: &str,
        one: &mut Subscriber,
    ) -> anyhow::Result<()> {
        one.messages = messages(stack, kafka, agreement).await?;
        let mut bytes = Vec::new();
        for message in &one.messages {
            bytes.extend_from_slice(message.key.as_bytes());
            message.headers.iter().for_each(|(name, value)| bytes.extend([name.as_bytes(), value].concat()));
            bytes.extend_from_slice(&message.payload);
        }
        let topic = kafka.topics().out(agreement, 1);
        self.places.push(Place { name: format!("topic {topic}"), permitted: one.fields.clone(), bytes });
        Ok(())
    }

    async fn sector(
        &mut self,
        deployment: &Deployment,
        agreement: &str,
        one: &mut Subscriber,
    ) -> anyhow::Result<()> {
        let mapping = &deployment.sectors.mappings[agreement];
        let pool = deployment.sectors.databases[agreement].administrator().await?;
        one.tables = tables(&pool, &[]).await?;
        (one.table, one.ref_column, one.guard) =
            (mapping.table.clone(), mapping.ref_column.clone(), mapping.guard.clone());
        for (table, rows) in &one.tables {
            let permitted = if *table == one.table { one.fields.clone() } else { BTreeSet::new() };
            let name = format!("sector table {agreement} {table}");
            self.places.push(Place { name, permitted, bytes: text(rows) });
        }
        Ok(())
    }

    /// What answers over HTTP without being asked about anybody.
    async fn pages(&mut self, stack: &Stack, deployment: &Deployment) -> anyhow::Result<()> {
        let mut urls = Vec::new();
        for admin in deployment.admin_urls() {
            urls.extend(["metrics", "healthz", "readyz"].map(|page| format!("{admin}/{page}")));
        }
        urls.push(format!("{}/subjects", stack.apicurio.url()));
        for agreement in AGREEMENTS {
            let subject = format!("{}-value", kafka(stack, deployment).topics().out(agreement, 1));
            urls.push(format!("{}/subjects/{subject}/versions/latest", stack.apicurio.url()));
        }
        for url in urls {
            let page = get(url.clone()).await?;
            self.add(url, page.into_bytes());
        }
        Ok(())
    }

    fn files(&mut self, folder: &Path) -> anyhow::Result<()> {
        for entry in folder.read_dir().with_context(|| format!("{} cannot be listed", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                self.files(&path)?;
            } else {
                self.add(format!("file {}", path.display()), std::fs::read(&path)?);
            }
        }
        Ok(())
    }
}

/// All records of an agreement's topic, decoded as a subscriber does: by the schema that the registry has under their id.
pub(super) async fn messages(
    stack: &Stack,
    kafka: &KafkaConfig,
    agreement: &str,
) -> anyhow::Result<Vec<Message>> {
    let topic = kafka.topics().out(agreement, 1);
    let read = read_whole(kafka, &topic, Vec::new(), |messages, record| {
        messages.push(Message {
            partition: record.partition,
            offset: record.offset,
            timestamp_ms: record.appended_at_ms.unwrap_or_default(),
            key: String::from_utf8_lossy(record.key.unwrap_or_default()).into_owned(),
            headers: record.headers().map(|(name, value)| (name.to_owned(), value.to_vec())).collect(),
            payload: record.payload.unwrap_or_default().to_vec(),
            columns: None,
        });
    });
    let mut messages: Vec<Message> = read.await?;
    let mut schemas: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for message in messages.iter_mut().filter(|message| !message.payload.is_empty()) {
        let (id, body) = split_wire_header(&message.payload)?;
        let names = match schemas.entry(id.0) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(columns_of(stack, id.0).await?),
        };
        message.columns = Some(decode(body, names).context("an outgoing record does not decode")?);
    }
    Ok(messages)
}

/// The fields that an agreement's file names.
fn permitted(agreement: &str) -> anyhow::Result<BTreeSet<String>> {
    let file = acceptance::pipeline::project().join(format!("schemas/agreements/{agreement}.toml"));
    let table: toml::Table = std::fs::read_to_string(file)?.parse()?;
    let fields = table.get("fields").and_then(toml::Value::as_array).context("an agreement names fields")?;
    Ok(fields.iter().filter_map(toml::Value::as_str).map(ToOwned::to_owned).collect())
}

async fn raw(kafka: &KafkaConfig, topic: &str) -> anyhow::Result<Vec<u8>> {
    let read = read_whole(kafka, topic, Vec::new(), |bytes: &mut Vec<u8>, record| {
        bytes.extend_from_slice(record.key.unwrap_or_default());
        bytes.extend_from_slice(record.payload.unwrap_or_default());
        record.headers().for_each(|(name, value)| bytes.extend([name.as_bytes(), value].concat()));
    });
    Ok(read.await?)
}

/// The rows of every table but those named, each value as text; bytes that are text show as such.
async fn tables(pool: &PgPool, but: &[&str]) -> anyhow::Result<BTreeMap<String, Vec<Columns>>> {
    let columns: Vec<(String, String, String)> = sqlx::query_as(
        "select case table_schema when 'public' then table_name else table_schema || '.' || table_name end,
                column_name, data_type
         from information_schema.columns join information_schema.tables using (table_schema, table_name)
         where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'
         order by ordinal_position",
    )
    .fetch_all(pool)
    .await?;
    let mut selects: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (table, column, kind) in columns.into_iter().filter(|(table, ..)| !but.contains(&table.as_str())) {
        let value =
            if kind == "bytea" { format!("encode({column}, 'escape')") } else { format!("{column}::text") };
        selects.entry(table).or_default().push(format!("'{column}', {value}"));
    }
    let mut all = BTreeMap::new();
    for (table, pairs) in selects {
        let sql =
            format!("select json_strip_nulls(json_build_object({}))::text from {table}", pairs.join(", "));
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(pool).await?;
        let rows = rows.iter().map(|row| serde_json::from_str(row)).collect::<Result<_, _>>()?;
        all.insert(table, rows);
    }
    Ok(all)
}

fn text(rows: &[Columns]) -> Vec<u8> {
    rows.iter().flat_map(BTreeMap::values).flat_map(|value| [value.as_bytes(), b"\n"].concat()).collect()
}

async fn get(url: String) -> anyhow::Result<String> {
    let page = tokio::task::spawn_blocking(move || {
        let mut answer = ureq::get(&url).call()?;
        answer.body_mut().read_to_string()
    });
    Ok(page.await??)
}

/// The columns of a schema, in their order, from the registry as a subscriber asks it.
async fn columns_of(stack: &Stack, id: u32) -> anyhow::Result<Vec<String>> {
    let answer: serde_json::Value =
        serde_json::from_str(&get(format!("{}/schemas/ids/{id}", stack.apicurio.url())).await?)?;
    let schema: serde_json::Value =
        serde_json::from_str(answer["schema"].as_str().context("no schema has that id")?)?;
    let fields = schema["fields"].as_array().context("the schema has no fields")?;
    Ok(fields.iter().filter_map(|field| field["name"].as_str()).map(ToOwned::to_owned).collect())
}

/// Nullable texts in the order of the schema, in Avro's binary form.
fn decode(mut body: &[u8], names: &[String]) -> Option<Columns> {
    let mut columns = Columns::new();
    for name in names {
        if long(&mut body)? == 1 {
            let length = usize::try_from(long(&mut body)?).ok()?;
            let (text, rest) = body.split_at_checked(length)?;
            columns.insert(name.clone(), String::from_utf8(text.to_vec()).ok()?);
            body = rest;
        }
    }
    body.is_empty().then_some(columns)
}

/// Zigzag, seven bits a byte, the lowest first.
fn long(body: &mut &[u8]) -> Option<i64> {
    let (mut bits, mut shift) = (0_u64, 0);
    loop {
        let (byte, rest) = body.split_first()?;
        *body = rest;
        bits |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed());
        }
        shift += 7;
    }
}
