//! Rows captured a second, beside `pg_recvlogical`.

use super::Options;
use super::report::Metric;
use super::world::World;

pub(super) async fn run(_world: &mut World, _options: &Options) -> anyhow::Result<Vec<Metric>> {
    anyhow::bail!("load capture is not measured here")
}
