//! From the commit at a source to the commit at a sector, at a steady rate that waits for nobody, and the time of each hop.

use super::Options;
use super::generator::{Change, generate};
use super::latency::Times;
use super::report::Metric;
use super::subjects::{Subject, subjects};
use super::trail::{Trail, Trails};
use super::world::World;
use acceptance::pipeline::Eyes;
use anyhow::ensure;
use prerequisites::say;
use std::time::{Duration, Instant};

/// The longest wait for the first load.
const LOAD_WITHIN: Duration = Duration::from_mins(15);
/// A change that has not arrived by then is lost.
const ARRIVE_WITHIN: Duration = Duration::from_mins(1);
/// How often the sectors are asked whether all has arrived, after the last change.
const LOOK: Duration = Duration::from_millis(500);
/// Changes before the first rate, not counted: connections, plans and caches are made at the first of them.
const WARM_UP: (u32, u64) = (100, 5);
/// What p99 is to reach: milliseconds up to a rate.
const TARGETS: [(u32, f64); 2] = [(100, 200.0), (500, 300.0)];

pub(super) async fn run(world: &mut World, options: &Options) -> anyhow::Result<Vec<Metric>> {
    world.note_commit_times().await?;
    world.fill(options).await?;
    world.deployment.start().await?;
    say("first load");
    Eyes::open(&world.deployment).await?.settled(&[], 0, LOAD_WITHIN).await?;
    let trails = Trails::open(&world.deployment).await?;
    let mut people = subjects(&world.deployment, options.seed).await?.into_iter();
    let mut metrics = Vec::new();
    let rates = std::iter::once(WARM_UP).chain(options.rates.iter().map(|rate| (*rate, options.seconds)));
    for (turn, (rate, seconds)) in rates.enumerate() {
        let wanted = usize::try_from(u64::from(rate) * seconds)?;
        let chosen: Vec<Subject> = people.by_ref().take(wanted).collect();
        ensure!(chosen.len() == wanted, "{} persons are too few for {rate} changes a second", options.people);
        say(format_args!("{rate} changes a second for {seconds} s"));
        let changes = generate(&world.databases.residence, &chosen, rate).await?;
        let trail = arrived(&trails, &changes).await?;
        if turn > 0 {
            metrics.extend(figures(rate, seconds, &changes, &trail));
        }
    }
    Ok(metrics)
}

/// Waits until every change stands in every sector that has the person.
async fn arrived(trails: &Trails, changes: &[Change]) -> anyhow::Result<Vec<Trail>> {
    let mut turns = tokio::time::interval(LOOK);
    let began = Instant::now();
    loop {
        turns.tick().await;
        let (found, missing) = trails.follow(changes).await?;
        if missing == 0 {
            return Ok(found);
        }
        ensure!(began.elapsed() < ARRIVE_WITHIN, "{missing} of {} changes did not arrive", changes.len());
    }
}

/// The figures of one rate.
fn figures(rate: u32, seconds: u64, changes: &[Change], trails: &[Trail]) -> Vec<Metric> {
    let target = TARGETS.iter().find(|(up_to, _)| rate <= *up_to).map_or(f64::NAN, |(_, target)| *target);
    let name = |what: &str| format!("rate_{rate}.{what}");
    let (mut whole, mut due) = (Times::default(), Times::default());
    for trail in trails {
        whole.add(trail.whole());
        due.add(trail.since_due());
    }
    let last = changes.iter().map(|change| change.late).max().unwrap_or_default();
    let mut metrics = vec![
        Metric::new(name("samples"), "changes at sectors", to_f64(whole.count())),
        Metric::beside(name("made"), "changes/s", to_f64(changes.len()) / to_f64(seconds), f64::from(rate)),
        Metric::new(name("made_late"), "ms at most", last.as_secs_f64() * 1e3),
        Metric::new(name("p50"), "ms", whole.percentile(50)),
        if target.is_nan() {
            Metric::new(name("p99"), "ms", whole.percentile(99))
        } else {
            Metric::beside(name("p99"), "ms", whole.percentile(99), target)
        },
        Metric::new(name("max"), "ms", whole.percentile(100)),
        Metric::new(name("from_due.p99"), "ms", due.percentile(99)),
    ];
    for (n, hop) in Trail::HOPS.iter().enumerate() {
        let mut times = Times::default();
        for trail in trails {
            times.add(trail.hops().get(n).copied().unwrap_or(f64::NAN));
        }
        metrics.push(Metric::new(name(&format!("{hop}.p50")), "ms", times.percentile(50)));
        metrics.push(Metric::new(name(&format!("{hop}.p99")), "ms", times.percentile(99)));
    }
    metrics
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn to_f64(count: impl TryInto<u64>) -> f64 {
    count.try_into().map_or(f64::NAN, |count| count as f64)
}
