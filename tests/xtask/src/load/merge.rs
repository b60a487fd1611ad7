//! Records merged a second, beside the same writes as bare SQL on the same cluster.
//!
//! The source topics are filled by the real adapters and then stand still, so that nothing but the reconciler works while
//! it is timed: the first load into an empty registry, then a backlog of life's changes, by one instance and by two.

mod bare;
mod course;
mod floor;
mod matching;
mod rebuild;
mod topics;
mod truth;

use super::Options;
use super::report::Metric;
use super::world::World;
use acceptance::life::LifeStream;
use acceptance::pipeline::Instance;
use course::Course;
use prerequisites::say;
use truth::Truth;

/// Records of one transaction, as a reconciler is shipped.
const BATCH: u64 = 2_000;

pub(super) async fn run(world: &mut World, options: &Options) -> anyhow::Result<Vec<Metric>> {
    world.fill(options).await?;
    world.deployment.launch_those(is_adapter_of_source).await?;
    let before = topics::until_snapshots(world).await?;
    world.deployment.stop().await?;
    say(format_args!("{before} records are in the topics"));
    let mut courses = Vec::new();
    for instances in [1, 2] {
        let mut course = Course::prepare(world, instances).await?;
        course.first_load(before).await?;
        courses.push(course);
    }
    let today = crate::demo::today();
    let mut life = LifeStream::open(world.databases.clone(), options.seed, today).await?;
    say(format_args!("{} changes of life, to be merged as a backlog", options.changes));
    for _ in 0..options.changes {
        life.next().await?;
    }
    life.settle().await?;
    world.deployment.launch_those(is_adapter_of_source).await?;
    let records = topics::until_fences(world).await?;
    world.deployment.stop().await?;
    for course in &mut courses {
        course.changes(records, records - before).await?;
    }
    let mut metrics = Vec::new();
    for course in courses {
        metrics.extend(course.into_metrics());
    }
    metrics.extend(floor::measure(world, options).await?);
    Ok(metrics)
}

/// Records without a number, linked among so many citizens, in the first load.
pub(super) async fn run_matching(world: &mut World, options: &Options) -> anyhow::Result<Vec<Metric>> {
    let truth = Truth::of(&world.fill(options).await?);
    world.deployment.launch_those(is_adapter_of_source).await?;
    let records = topics::until_snapshots(world).await?;
    world.deployment.stop().await?;
    say(format_args!("{records} records are in the topics"));
    let mut course = Course::prepare(world, 1).await?;
    course.matched(records, &truth).await?;
    Ok(course.into_metrics())
}

/// A registry made anew, and new rules rehearsed, beside the first load of the same records.
pub(super) async fn run_rebuild(world: &mut World, options: &Options) -> anyhow::Result<Vec<Metric>> {
    world.fill(options).await?;
    world.deployment.launch_those(is_adapter_of_source).await?;
    let records = topics::until_snapshots(world).await?;
    world.deployment.stop().await?;
    say(format_args!("{records} records are in the topics"));
    let mut course = Course::prepare(world, 1).await?;
    course.rebuilt(world, records).await?;
    Ok(course.into_metrics())
}

/// The registry's own tables are not captured here: what is measured ends with their commit.
fn is_adapter_of_source(instance: &Instance) -> bool {
    instance.service == "source-adapter" && instance.name != "registry"
}
