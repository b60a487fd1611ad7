//! The field catalogue and the code lists, as this build carries them: titles, ranks and the names of codes.

use anyhow::Context as _;
use registry_rules::{CaseClocks, CodeLists, FieldCatalogue};

const CATALOGUE: &str = include_str!("../../../schemas/field-catalogue.toml");

/// Every list of `schemas/codes`; a test compares.
const CODES: [(&str, &str); 15] = [
    ("blood_type", include_str!("../../../schemas/codes/blood_type.toml")),
    ("card_status", include_str!("../../../schemas/codes/card_status.toml")),
    ("card_type", include_str!("../../../schemas/codes/card_type.toml")),
    ("commune_2004", include_str!("../../../schemas/codes/commune_2004.toml")),
    ("commune_2025", include_str!("../../../schemas/codes/commune_2025.toml")),
    ("country", include_str!("../../../schemas/codes/country.toml")),
    ("death_kind", include_str!("../../../schemas/codes/death_kind.toml")),
    ("ethnicity_1979", include_str!("../../../schemas/codes/ethnicity_1979.toml")),
    ("ethnicity_gso", include_str!("../../../schemas/codes/ethnicity_gso.toml")),
    ("marital_status", include_str!("../../../schemas/codes/marital_status.toml")),
    ("province_2004", include_str!("../../../schemas/codes/province_2004.toml")),
    ("province_2025", include_str!("../../../schemas/codes/province_2025.toml")),
    ("relation_to_head", include_str!("../../../schemas/codes/relation_to_head.toml")),
    ("religion", include_str!("../../../schemas/codes/religion.toml")),
    ("sex", include_str!("../../../schemas/codes/sex.toml")),
];

/// What the pages need to know of the rules.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// The items, their titles and who has authority.
    pub(crate) catalogue: FieldCatalogue,
    /// The names of codes.
    pub(crate) codes: CodeLists,
    /// How long a case may wait.
    pub(crate) clocks: CaseClocks,
}

impl Rules {
    /// The rules of this build.
    ///
    /// # Errors
    /// When a file was damaged; a test excludes it.
    pub(crate) fn embedded() -> anyhow::Result<Self> {
        let faults = |what: &str, faults: Vec<String>| anyhow::anyhow!("{what}: {}", faults.join("; "));
        let catalogue = FieldCatalogue::parse(CATALOGUE)
            .map_err(|found| faults("field catalogue", found.iter().map(ToString::to_string).collect()))?;
        let codes = CodeLists::parse(CODES.iter().map(|(_, text)| *text))
            .map_err(|found| faults("code lists", found.iter().map(ToString::to_string).collect()))?;
        let clocks = CaseClocks::shipped().context("clocks of cases")?;
        Ok(Self { catalogue, codes, clocks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_code_list_of_the_folder_is_here() {
        let rules = Rules::embedded().unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/codes");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| {
                entry.unwrap().path().file_stem().map(|stem| stem.to_string_lossy().into_owned())
            })
            .collect();
        files.sort();
        assert_eq!(files, CODES.map(|(name, _)| name.to_owned()));
        assert!(CODES.iter().all(|(name, _)| rules.codes.get(name).is_some()));
    }
}
