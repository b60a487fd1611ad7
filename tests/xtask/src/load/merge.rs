//! Records merged a second, beside the same writes as bare SQL on the same cluster.

use super::Options;
use super::report::Metric;
use super::world::World;

pub(super) async fn run(_world: &mut World, _options: &Options) -> anyhow::Result<Vec<Metric>> {
    anyhow::bail!("load merge is not measured here")
}
