//! Code lists as data: a code means nothing without its list.

use serde::Deserialize;
use std::collections::BTreeMap;

/// One list: its own codes and the numberings of others that can be translated into it.
///
/// A code is written `list:code` wherever it travels (`ethnicity_1979:06` is Mường, `ethnicity_gso:06` would be Hoa).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeList {
    /// Identifier of the list.
    pub list: String,
    /// Where the list comes from: decision, standard, article.
    pub basis: String,
    /// The codes with their names.
    pub codes: BTreeMap<String, CodeName>,
    /// Other numberings: name of the numbering → its code → ours.
    #[serde(default)]
    pub from: BTreeMap<String, BTreeMap<String, String>>,
}

/// A code's name in both languages.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeName {
    /// Vietnamese.
    pub vi: String,
    /// English, where there is a word.
    #[serde(default)]
    pub en: Option<String>,
}

/// What is wrong with a code list, or a code.
#[derive(Debug, thiserror::Error)]
pub enum CodeListError {
    /// Not readable.
    #[error("code list is not readable: {0}")]
    Form(#[from] toml::de::Error),
    /// A numbering leads to a code that the list does not have.
    #[error("code list {list}: numbering '{numbering}' leads to code '{code}', which the list does not have")]
    DeadEnd {
        /// The list.
        list: String,
        /// The numbering.
        numbering: String,
        /// The target.
        code: String,
    },
    /// Named twice.
    #[error("code list {0} is defined twice")]
    Twice(String),
}

/// All lists by identifier.
#[derive(Clone, Debug, Default)]
pub struct CodeLists(BTreeMap<String, CodeList>);

impl CodeLists {
    /// Reads and checks lists, one TOML text each.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, Vec<CodeListError>> {
        let (mut lists, mut faults) = (BTreeMap::new(), Vec::new());
        for text in texts {
            match toml::from_str::<CodeList>(text) {
                Err(error) => faults.push(CodeListError::Form(error)),
                Ok(list) => {
                    faults.extend(list.dead_ends());
                    let id = list.list.clone();
                    if lists.insert(id.clone(), list).is_some() {
                        faults.push(CodeListError::Twice(id));
                    }
                }
            }
        }
        if faults.is_empty() { Ok(Self(lists)) } else { Err(faults) }
    }

    /// The list of that name.
    pub fn get(&self, list: &str) -> Option<&CodeList> {
        self.0.get(list)
    }

    /// The lists, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &CodeList> {
        self.0.values()
    }
}

impl CodeList {
    /// Translates a foreign code (`numbering` given) or checks an own one, and writes it with its list.
    pub fn translate(&self, numbering: Option<&str>, code: &str) -> Option<String> {
        let own = match numbering {
            Some(numbering) => self.from.get(numbering)?.get(code)?.as_str(),
            None => self.codes.get_key_value(code)?.0.as_str(),
        };
        Some(format!("{}:{own}", self.list))
    }

    fn dead_ends(&self) -> impl Iterator<Item = CodeListError> {
        self.from.iter().flat_map(move |(numbering, codes)| {
            codes.values().filter(|code| !self.codes.contains_key(*code)).map(move |code| {
                CodeListError::DeadEnd {
                    list: self.list.clone(),
                    numbering: numbering.clone(),
                    code: code.clone(),
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEX: &str = r#"
list = "sex"
basis = "QCVN 109:2017/BTTTT"
[codes]
1 = { vi = "Nam", en = "male" }
2 = { vi = "Nữ", en = "female" }
[from.client]
0 = "1"
1 = "2"
"#;

    #[test]
    fn a_foreign_code_is_translated_and_an_own_one_checked() {
        let lists = CodeLists::parse([SEX]).unwrap();
        let sex = lists.get("sex").unwrap();
        assert_eq!(sex.translate(Some("client"), "0").as_deref(), Some("sex:1"));
        assert_eq!(sex.translate(None, "1").as_deref(), Some("sex:1"));
        assert_eq!(sex.translate(None, "0"), None);
        assert_eq!(sex.translate(Some("nobody"), "0"), None);
    }

    #[test]
    fn a_dead_end_is_named() {
        let faults = CodeLists::parse([SEX, &SEX.replace("1 = \"2\"", "1 = \"7\"")]).unwrap_err();
        let text: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "code list sex: numbering 'client' leads to code '7', which the list does not have",
                "code list sex is defined twice"
            ]
        );
    }
}
