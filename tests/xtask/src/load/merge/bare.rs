//! The baseline: the rows that the reconcilers wrote, taken from the database that they left, written once more by plain
//! batched transactions of `insert … select … from unnest`. No reads, no rules, nothing computed by the client: the arrays
//! lie ready in its memory. The same tables, indexes and settings, on the same cluster.

use acceptance::pipeline::Database;
use acceptance::stack::PostgresCluster;
use anyhow::Context;
use futures_util::TryStreamExt as _;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValue};
use sqlx::{AssertSqlSafe, Connection as _, Encode, PgConnection, Postgres, Row as _, Type, Value as _};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tables whose rows never change, then those whose rows do; in the order in which a merge writes them.
const TABLES: [(&str, bool); 12] = [
    ("record_version", false),
    ("key_lock", false),
    ("register_entry", true),
    ("record_latest", true),
    ("row_marker", true),
    ("anchor", true),
    ("link", false),
    ("person", true),
    ("person_version", false),
    ("registry_case", true),
    ("due", true),
    ("answer", false),
];

/// A copy of a registry to write into.
#[derive(Debug)]
pub(super) struct Bare {
    cluster: Arc<PostgresCluster>,
    name: String,
}

impl Bare {
    /// A copy of a registry that nobody is connected to.
    pub(super) async fn fork(registry: &Database, purpose: &str) -> anyhow::Result<Self> {
        let (cluster, from) = (Arc::clone(&registry.cluster), &registry.name);
        let name = format!("{from}_{purpose}");
        cluster.drop_database(&name).await?;
        run(&cluster, "postgres", &[format!("create database {name} template {from}")]).await?;
        Ok(Self { cluster, name })
    }

    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.cluster.drop_database(&self.name).await
    }

    /// Empties the copy and writes its rows again; how long that takes.
    pub(super) async fn refill(&self, transactions: i64, connections: usize) -> anyhow::Result<Duration> {
        let mut setup = vec!["create schema bare".to_owned()];
        for (table, _) in TABLES {
            setup.push(format!(
                "create unlogged table bare.{table} as {}",
                numbered(table, "public", transactions)
            ));
            setup.push(format!("create index on bare.{table} (batch)"));
            setup.push(format!("analyze bare.{table}"));
        }
        setup.push(format!("truncate {}", TABLES.map(|(table, _)| table).join(", ")));
        setup.push("checkpoint".to_owned());
        run(&self.cluster, &self.name, &setup).await?;
        self.write(transactions, connections, false).await
    }

    /// The place in the registry's order of transactions from which on [`Self::take_over`] looks for changes.
    pub(super) async fn mark(&self, registry: &Database) -> anyhow::Result<i64> {
        let mut connection = registry.cluster.administer(&registry.name).await?;
        let mark = sqlx::query_scalar("select pg_current_xact_id()::text::bigint")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        Ok(mark)
    }

    /// Brings the rows that the registry has written since then beside the copy's tables.
    pub(super) async fn take_over(&self, registry: &Database, since: i64) -> anyhow::Result<()> {
        run(&self.cluster, &self.name, &["create schema bare".to_owned()]).await?;
        let mut from = registry.cluster.administer(&registry.name).await?;
        let mut into = self.cluster.administer(&self.name).await?;
        for (table, _) in TABLES {
            let make = format!("create unlogged table bare.of_{table} as select * from {table} limit 0");
            sqlx::query(AssertSqlSafe(make)).execute(&mut into).await?;
            let query = format!(
                "copy (select * from {table} where xmin::text::bigint >= {since} order by ctid) to stdout (format binary)"
            );
            let mut rows = from.copy_out_raw(&query).await?;
            let mut copy =
                into.copy_in_raw(&format!("copy bare.of_{table} from stdin (format binary)")).await?;
            while let Some(piece) = rows.try_next().await? {
                copy.send(piece).await?;
            }
            copy.finish().await?;
        }
        from.close().await?;
        into.close().await?;
        Ok(())
    }

    /// Writes what was taken over; how long that takes.
    pub(super) async fn apply(&self, transactions: i64, connections: usize) -> anyhow::Result<Duration> {
        let mut setup = Vec::new();
        for (table, _) in TABLES {
            let rows = numbered(&format!("of_{table}"), "bare", transactions);
            setup.push(format!("create unlogged table bare.{table} as {rows}"));
            setup.push(format!("create index on bare.{table} (batch)"));
            setup.push(format!("analyze bare.{table}"));
        }
        setup.push("checkpoint".to_owned());
        run(&self.cluster, &self.name, &setup).await?;
        self.write(transactions, connections, true).await
    }

    async fn write(&self, transactions: i64, connections: usize, over: bool) -> anyhow::Result<Duration> {
        let mut reader = self.cluster.administer(&self.name).await?;
        let mut tables = Vec::new();
        for (name, changes) in TABLES {
            tables.push(Table::describe(&mut reader, name, over && changes).await?);
        }
        let mut batches = Vec::new();
        for batch in 0..transactions {
            let mut writes = Vec::new();
            for table in &tables {
                writes.extend(table.read(&mut reader, batch).await?.map(|arrays| (table, arrays)));
            }
            batches.push(writes);
        }
        reader.close().await?;
        let mut writers = Vec::new();
        for _ in 0..connections {
            writers.push((self.cluster.administer(&self.name).await?, Vec::new()));
        }
        let count = writers.len();
        for (n, batch) in batches.into_iter().enumerate() {
            if let Some((_, own)) = writers.get_mut(n % count) {
                own.push(batch);
            }
        }
        let began = Instant::now();
        let writing = writers.into_iter().map(|(connection, batches)| write_all(connection, batches));
        futures_util::future::try_join_all(writing).await?;
        Ok(began.elapsed())
    }
}

async fn write_all(
    mut connection: PgConnection,
    batches: Vec<Vec<(&Table, Vec<Array>)>>,
) -> anyhow::Result<()> {
    for batch in batches {
        let mut transaction = connection.begin().await?;
        for (table, arrays) in batch {
            let mut insert = sqlx::query(AssertSqlSafe(table.insert.clone()));
            for array in arrays {
                insert = insert.bind(array);
            }
            insert.execute(&mut *transaction).await?;
        }
        sqlx::query("update consumer_position set next_offset = next_offset + 1, updated_at = now()")
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    connection.close().await?;
    Ok(())
}

/// A column of many rows, as the server gave it and as it gets it back.
struct Array(PgValue);

impl Type<Postgres> for Array {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("unknown")
    }

    fn compatible(_: &PgTypeInfo) -> bool {
        true
    }
}

impl Encode<'_, Postgres> for Array {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(self.0.as_ref().as_bytes()?);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.0.type_info().into_owned())
    }
}

/// How a table's rows are taken and given back.
#[derive(Debug)]
struct Table {
    select: String,
    insert: String,
}

impl Table {
    async fn describe(connection: &mut PgConnection, name: &str, over: bool) -> anyhow::Result<Self> {
        let columns: Vec<(String, String, bool)> = sqlx::query_as(
            "select attname::text, format_type(atttypid, atttypmod), t.typcategory = 'A'
             from pg_attribute a join pg_type t on t.oid = a.atttypid
             where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum",
        )
        .bind(name)
        .fetch_all(&mut *connection)
        .await?;
        let key: Vec<String> = sqlx::query_scalar(
            "select a.attname::text from pg_index i join pg_attribute a on a.attrelid = i.indrelid
             and a.attnum = any(i.indkey) where i.indrelid = $1::regclass and i.indisprimary",
        )
        .bind(name)
        .fetch_all(connection)
        .await?;
        let join = |of: &dyn Fn(&(String, String, bool)) -> String| {
            columns.iter().map(of).collect::<Vec<_>>().join(", ")
        };
        let list = join(&|(name, ..)| name.clone());
        // An array of arrays would have to be rectangular: those travel as texts.
        let taken = join(&|(name, _, is_array)| {
            let text = if *is_array { "::text" } else { "" };
            format!("array_agg({name}{text} order by place)")
        });
        let given = join(&|(name, r#type, is_array)| {
            if *is_array { format!("{name}::{type}") } else { name.clone() }
        });
        let mut number = 0;
        let mut parameters = Vec::new();
        for (_, r#type, is_array) in &columns {
            number += 1;
            parameters.push(format!("${number}::{}[]", if *is_array { "text" } else { r#type }));
        }
        let mut insert = format!(
            "insert into {name} ({list}) select {given} from unnest({}) as t ({list})",
            parameters.join(", ")
        );
        if over {
            let set = join(&|(name, ..)| format!("{name} = excluded.{name}"));
            write!(insert, " on conflict ({}) do update set {set}", key.join(", "))?;
        }
        Ok(Self { select: format!("select {taken} from bare.{name} where batch = $1"), insert })
    }

    /// The columns of a batch; none where it has no row of this table.
    async fn read(&self, connection: &mut PgConnection, batch: i64) -> anyhow::Result<Option<Vec<Array>>> {
        let row = sqlx::query(AssertSqlSafe(self.select.clone())).bind(batch).fetch_one(connection).await?;
        let columns =
            (0..row.len()).map(|n| row.try_get_raw(n).map(|value| sqlx::ValueRef::to_owned(&value)));
        let arrays: Vec<Array> = columns.map(|value| value.map(Array)).collect::<Result<_, _>>()?;
        Ok(arrays.iter().all(|array| !array.0.is_null()).then_some(arrays))
    }
}

/// The rows of a table in the order in which they were written, shared out over transactions.
fn numbered(table: &str, schema: &str, transactions: i64) -> String {
    format!(
        "select t.*, (place - 1) * {transactions} / count(*) over () as batch
         from (select *, row_number() over (order by ctid) as place from {schema}.{table}) t"
    )
}

async fn run(cluster: &PostgresCluster, database: &str, statements: &[String]) -> anyhow::Result<()> {
    let mut connection: PgConnection = cluster.administer(database).await?;
    for statement in statements {
        let done = sqlx::query(AssertSqlSafe(statement.clone())).execute(&mut connection).await;
        done.with_context(|| format!("preparing the baseline in {database}"))?;
    }
    connection.close().await?;
    Ok(())
}
