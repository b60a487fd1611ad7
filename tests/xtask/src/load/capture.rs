//! Rows captured a second: a snapshot and a backlog of one table, beside `pg_recvlogical` on a copy of the same slot.

use super::Options;
use super::floor::{Floor, copy_out};
use super::process::Usage;
use super::report::Metric;
use super::world::World;
use acceptance::pipeline::{Database, Figures, Instance, Service};
use anyhow::{Context, ensure};
use prerequisites::say;
use sqlx::PgPool;
use std::time::{Duration, Instant};

/// The source: a row of its table gives one record.
const SOURCE: &str = "medical";
const TOPIC: &str = "dansync.source.medical.v1";
/// Rows of one transaction of the backlog.
const ROWS_PER_TRANSACTION: u64 = 1_000;
/// How often the adapter is asked how far it is.
const LOOK: Duration = Duration::from_millis(50);
/// Nothing for that long: it stands still.
const STALLED: Duration = Duration::from_mins(1);
/// Bytes of a megabyte.
const MB: f64 = 1e6;
/// What the adapter is to reach: records a second, megabytes.
const TARGET: (f64, f64) = (40_000.0, 150.0);

/// Synthetic people's tests, each of another person, as hospitals write them.
const FILL: &str = "\
insert into y_te.nhom_mau (ma_co_so, so_dinh_danh, ho_ten, ngay_sinh, gioi_tinh, nhom_mau, ngay_xet_nghiem)
select 'BV' || n % 1000,
       '0' || lpad((n % 96)::text, 2, '0') || n % 2 || lpad((60 + n % 39)::text, 2, '0') || lpad((n % 1000000)::text, 6, '0'),
       (array['NGUYEN', 'TRAN', 'LE', 'PHAM', 'HOANG', 'VU', 'DANG'])[1 + n % 7] || ' '
         || (array['VAN', 'THI', 'HUU', 'NGOC', 'MINH'])[1 + n % 5] || ' '
         || (array['AN', 'BINH', 'CHAU', 'DUNG', 'GIANG', 'HANH', 'KHANH', 'LINH', 'NAM', 'PHUONG', 'QUYNH'])[1 + n % 11],
       '19' || 60 + n % 39 || lpad((1 + n % 12)::text, 2, '0') || lpad((1 + n % 28)::text, 2, '0'),
       (array['Nam', 'Nu'])[1 + n % 2],
       (array['A+', 'B+', 'AB+', 'O+'])[1 + n % 4],
       date '2024-01-01' + (n % 600)::int
  from generate_series($1::bigint, $2::bigint) n";

/// The source's adapter and what it has put into its topic.
struct Capture<'a> {
    world: &'a mut World,
    database: Database,
    pool: PgPool,
    rows: u64,
}

fn is_adapter(instance: &Instance) -> bool {
    instance.service == "source-adapter" && instance.name == SOURCE
}

pub(super) async fn run(world: &mut World, options: &Options) -> anyhow::Result<Vec<Metric>> {
    let database = world.deployment.agencies.databases.get(SOURCE).context("no such source")?.clone();
    let pool = database.administrator().await?;
    let mut capture = Capture { world, database, pool, rows: options.rows };
    let (snapshot, copied) = capture.snapshot().await?;
    let (backlog, received) = capture.backlog().await?;
    let speed = |rate: f64| Metric::beside("backlog.target", "records/s", rate, TARGET.0);
    let peak = snapshot.peak_bytes.max(backlog.peak_bytes) / MB;
    Ok(vec![
        Metric::beside("backlog", "records/s", backlog.rate, received),
        speed(backlog.rate),
        Metric::new("backlog.adapter_cpu", "us/record", backlog.cpu_micros),
        Metric::beside("snapshot", "records/s", snapshot.rate, received),
        Metric::beside("snapshot.of_copy", "records/s", snapshot.rate, copied),
        Metric::new("snapshot.adapter_cpu", "us/record", snapshot.cpu_micros),
        Metric::beside("memory", "MB", peak, TARGET.1),
    ])
}

/// How one run of the adapter went.
struct Run {
    rate: f64,
    cpu_micros: f64,
    peak_bytes: f64,
}

impl Capture<'_> {
    /// The rows that are there when the adapter first starts.
    async fn snapshot(&mut self) -> anyhow::Result<(Run, f64)> {
        self.fill(1).await?;
        let copied = copy_out(&self.database, "y_te.nhom_mau", self.rows).await?;
        let run = self.adapter("snapshot").await?;
        self.world.deployment.stop_those(is_adapter).await?;
        Ok((run, copied))
    }

    /// The same number of rows again, written while no adapter runs; read by `pg_recvlogical` before and after the adapter,
    /// of which the quicker counts.
    async fn backlog(&mut self) -> anyhow::Result<(Run, f64)> {
        let slot = "dansync_medical";
        let floors =
            [Floor::copy(&self.pool, slot, "before").await?, Floor::copy(&self.pool, slot, "after").await?];
        self.fill(self.rows + 1).await?;
        let [before, after] = floors;
        let before = before.read(&self.database, &self.pool, self.rows).await?;
        let run = self.adapter("backlog").await?;
        self.world.deployment.stop_those(is_adapter).await?;
        let after = after.read(&self.database, &self.pool, self.rows).await?;
        Ok((run, before.max(after)))
    }

    async fn fill(&self, first: u64) -> anyhow::Result<()> {
        say(format_args!("writing {} rows, {ROWS_PER_TRANSACTION} in a transaction", self.rows));
        let end = first + self.rows;
        let mut from = first;
        while from < end {
            let to = (from + ROWS_PER_TRANSACTION).min(end) - 1;
            sqlx::query(FILL).bind(i64::try_from(from)?).bind(i64::try_from(to)?).execute(&self.pool).await?;
            from = to + 1;
        }
        // As long after a load as a source usually is.
        sqlx::raw_sql("vacuum analyze y_te.nhom_mau").execute(&self.pool).await?;
        sqlx::raw_sql("checkpoint").execute(&self.pool).await?;
        Ok(())
    }

    /// Starts the adapter and waits until Kafka has acknowledged the records of all rows, counted from the adapter's first.
    async fn adapter(&mut self, what: &str) -> anyhow::Result<Run> {
        say(format_args!("{what}: the adapter"));
        self.world.deployment.launch_those(is_adapter).await?;
        let service = self.world.deployment.service("source-adapter", SOURCE).context("no adapter")?;
        let began = first_row(service).await?;
        let usage = Usage::of(service.process.pid())?;
        let seconds = acknowledged(service, self.rows, began).await?;
        let after = Usage::of(service.process.pid())?;
        #[expect(clippy::cast_precision_loss, reason = "rows are far below 2^52")]
        let rows = self.rows as f64;
        let cpu_micros = (after.cpu_seconds - usage.cpu_seconds) * 1e6 / rows;
        let run = Run { rate: rows / seconds, cpu_micros, peak_bytes: after.peak_bytes };
        say(format_args!("{what}: {:.0} records/s", run.rate));
        Ok(run)
    }
}

/// When the first row was read: between two looks, the earlier of them.
async fn first_row(service: &Service) -> anyhow::Result<Instant> {
    let mut turns = tokio::time::interval(LOOK);
    let began = Instant::now();
    let mut last = began;
    loop {
        let figures = Figures::read(vec![service.admin_url()]).await?;
        if figures.sum("dansync_source_events_total", &[("source", SOURCE)]) > 0.0 {
            return Ok(last);
        }
        ensure!(began.elapsed() < STALLED, "the adapter captures nothing");
        last = Instant::now();
        turns.tick().await;
    }
}

/// Seconds from `began` until so many records are acknowledged, none of them a rejected row's.
async fn acknowledged(service: &Service, rows: u64, began: Instant) -> anyhow::Result<f64> {
    #[expect(clippy::cast_precision_loss, reason = "rows are far below 2^52")]
    let wanted = rows as f64;
    let mut turns = tokio::time::interval(LOOK);
    let (mut last, mut moved) = (0.0, Instant::now());
    loop {
        turns.tick().await;
        let figures = Figures::read(vec![service.admin_url()]).await?;
        let seconds = began.elapsed().as_secs_f64();
        let rejected = figures.sum("dansync_source_rejected_events_total", &[("source", SOURCE)]);
        ensure!(rejected < 0.5, "{rejected} of the rows could not be mapped");
        let produced = figures.sum("dansync_produced_records_total", &[("topic", TOPIC)]);
        if produced >= wanted {
            return Ok(seconds);
        }
        if produced > last {
            (last, moved) = (produced, Instant::now());
        }
        ensure!(moved.elapsed() < STALLED, "the adapter stands still at {produced} of {rows} records");
    }
}
