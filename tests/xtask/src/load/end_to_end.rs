//! From the commit at a source to the commit at a sector.

use super::Options;
use super::report::Metric;
use super::world::World;

pub(super) async fn run(_world: &mut World, _options: &Options) -> anyhow::Result<Vec<Metric>> {
    anyhow::bail!("load end-to-end is not measured here")
}
