//! The shipped mappings of the sources, for tests that ask what they read.

use super::project;
use anyhow::Context as _;
use registry_rules::CodeLists;
use source_adapter::mapping::Mapping;

/// The mapping of a source, with the shipped code lists.
pub fn source_mapping(source: &str) -> anyhow::Result<Mapping> {
    let folder = project().join("schemas/codes");
    let files = std::fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let lists = files.map(|file| std::fs::read_to_string(file?.path())).collect::<Result<Vec<_>, _>>()?;
    let lists = CodeLists::parse(lists.iter().map(String::as_str))
        .map_err(|faults| anyhow::anyhow!("code lists: {faults:?}"))?;
    let text = super::read(std::path::Path::new(&format!("deploy/sources/{source}.toml")))?;
    Mapping::parse(&text, &lists).map_err(|faults| anyhow::anyhow!("mapping of {source}: {faults:?}"))
}
