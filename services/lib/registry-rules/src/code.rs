//! Code lists as data: a code means nothing without its list, and a list or a unit has its time.

use crate::code_file::CodeListFile;
use chrono::NaiveDate;
use serde::Deserialize;
use std::collections::BTreeMap;

/// One list: its own codes and the numberings of others that can be translated into it.
///
/// A code is written `list:code` wherever it travels (`ethnicity_1979:06` is Mường, `ethnicity_gso:06` is Hoa).
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "CodeListFile")]
pub struct CodeList {
    /// Identifier of the list.
    pub list: String,
    /// Where the list comes from: decision, standard, article.
    pub basis: String,
    /// What the list numbers, where several lists number the same: `province`.
    pub of: Option<String>,
    /// Only part of the list is known or filled in: a code that is missing here may exist.
    pub incomplete: bool,
    /// When the list is in use; codes may have a shorter time.
    pub valid: Period,
    /// The codes with their names.
    pub codes: BTreeMap<String, CodeName>,
    /// Other numberings: name of the numbering → its code → ours. A numbering named as a list is that list.
    pub from: BTreeMap<String, BTreeMap<String, String>>,
    /// Codes of other numberings that went into several of ours: which one, only the place itself can tell.
    pub split: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Numberings that are coarser than ours, for those who take them: name → our code → theirs.
    pub to: BTreeMap<String, BTreeMap<String, String>>,
}

/// Legal time, both days included; open where a day is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// First day.
    #[serde(default)]
    pub from: Option<NaiveDate>,
    /// Last day.
    #[serde(default)]
    pub to: Option<NaiveDate>,
}

impl Period {
    /// Whether a day lies in it.
    pub fn has(self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }

    fn is_backwards(self) -> bool {
        self.from.zip(self.to).is_some_and(|(from, to)| to < from)
    }
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
    /// The unit that it lies in, with its list: the province of a commune.
    #[serde(default)]
    pub within: Option<String>,
    /// When the unit has this code and name.
    #[serde(default)]
    pub valid: Period,
}

/// Where a code of another numbering leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lead<'a> {
    /// To one of ours.
    One(&'a str),
    /// To one of several of ours: a human or the place's own papers tell which.
    Several(&'a [String]),
    /// Nobody knows.
    Nowhere,
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
    /// A numbering is a list and starts from a code that that list does not have.
    #[error("code list {list}: '{numbering}' is a list that does not have the code '{code}'")]
    NoStart {
        /// The list.
        list: String,
        /// The numbering.
        numbering: String,
        /// The code.
        code: String,
    },
    /// A code that leads to one and to several.
    #[error(
        "code list {list}: code '{code}' of '{numbering}' leads to one code under 'from' and to several under 'split'; take one out"
    )]
    Both {
        /// The list.
        list: String,
        /// The numbering.
        numbering: String,
        /// The code.
        code: String,
    },
    /// A unit lies in one that its list does not have.
    #[error("code list {list}: code '{code}' lies in '{within}', which no list has; write it as list:code")]
    NoParent {
        /// The list.
        list: String,
        /// The code.
        code: String,
        /// The unit it is said to lie in.
        within: String,
    },
    /// A time that ends before it begins.
    #[error("code list {list}: the time of {what} ends before it begins")]
    Backwards {
        /// The list.
        list: String,
        /// The list itself, or a code.
        what: String,
    },
    /// Named twice.
    #[error("code list {0} is defined twice")]
    Twice(String),
}

/// All lists by identifier.
#[derive(Clone, Debug, Default)]
pub struct CodeLists(BTreeMap<String, CodeList>);

impl CodeLists {
    /// Reads and checks lists, one TOML text each. What a list says of another is checked where the other is there too.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, Vec<CodeListError>> {
        let (mut lists, mut faults) = (BTreeMap::new(), Vec::new());
        for text in texts {
            match toml::from_str::<CodeList>(text) {
                Err(error) => faults.push(CodeListError::Form(error)),
                Ok(list) => {
                    faults.extend(list.dead_ends());
                    faults.extend(list.double_leads());
                    faults.extend(list.backwards());
                    let id = list.list.clone();
                    if lists.insert(id.clone(), list).is_some() {
                        faults.push(CodeListError::Twice(id));
                    }
                }
            }
        }
        let lists = Self(lists);
        faults.extend(lists.iter().flat_map(|list| lists.between(list)));
        if faults.is_empty() { Ok(lists) } else { Err(faults) }
    }

    /// The list of that name.
    pub fn get(&self, list: &str) -> Option<&CodeList> {
        self.0.get(list)
    }

    /// The lists, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &CodeList> {
        self.0.values()
    }

    /// All lists that number something (`province`), each in its time.
    pub fn of(&self, of: &str) -> impl Iterator<Item = &CodeList> {
        self.iter().filter(move |list| list.of.as_deref() == Some(of))
    }

    /// The list that numbers something (`province`) on a day.
    pub fn on(&self, of: &str, day: NaiveDate) -> Option<&CodeList> {
        self.of(of).find(|list| list.valid.has(day))
    }

    /// The name of a code that travels with its list.
    pub fn name(&self, coded: &str) -> Option<&CodeName> {
        let (list, code) = coded.split_once(':')?;
        self.get(list)?.codes.get(code)
    }

    /// What a list says of the others that are there.
    fn between(&self, list: &CodeList) -> Vec<CodeListError> {
        let one = list.from.iter().map(|(n, codes)| (n, codes.keys().collect::<Vec<_>>()));
        let several = list.split.iter().map(|(n, codes)| (n, codes.keys().collect::<Vec<_>>()));
        let mut faults = Vec::new();
        for (numbering, codes) in one.chain(several) {
            let Some(other) = self.get(numbering).filter(|other| !other.incomplete) else { continue };
            let missing = codes.into_iter().filter(|code| !other.codes.contains_key(*code));
            faults.extend(missing.map(|code| CodeListError::NoStart {
                list: list.list.clone(),
                numbering: numbering.clone(),
                code: code.clone(),
            }));
        }
        for (code, name) in &list.codes {
            let Some(within) = &name.within else { continue };
            let known = within.split_once(':').is_some_and(|(parent, code)| {
                self.get(parent).is_none_or(|parent| parent.codes.contains_key(code))
            });
            if !known {
                let (list, code, within) = (list.list.clone(), code.clone(), within.clone());
                faults.push(CodeListError::NoParent { list, code, within });
            }
        }
        faults
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

    /// Where a code of another numbering leads, if it does.
    pub fn lead(&self, numbering: &str, code: &str) -> Lead<'_> {
        if let Some(one) = self.from.get(numbering).and_then(|codes| codes.get(code)) {
            return Lead::One(one);
        }
        match self.split.get(numbering).and_then(|codes| codes.get(code)) {
            Some(several) => Lead::Several(several),
            None => Lead::Nowhere,
        }
    }

    /// An own code as a coarser numbering has it.
    pub fn told_as(&self, numbering: &str, code: &str) -> Option<&str> {
        self.to.get(numbering)?.get(code).map(String::as_str)
    }

    /// Whether a code of the list is in use on a day.
    pub fn in_use(&self, code: &str, day: NaiveDate) -> bool {
        self.valid.has(day) && self.codes.get(code).is_some_and(|name| name.valid.has(day))
    }

    fn dead_ends(&self) -> impl Iterator<Item = CodeListError> {
        let one = self.from.iter().flat_map(|(n, codes)| codes.values().map(move |code| (n, code)));
        let several =
            self.split.iter().flat_map(|(n, codes)| codes.values().flatten().map(move |code| (n, code)));
        let out = self.to.iter().flat_map(|(n, codes)| codes.keys().map(move |code| (n, code)));
        one.chain(several).chain(out).filter(|(_, code)| !self.codes.contains_key(*code)).map(
            |(numbering, code)| CodeListError::DeadEnd {
                list: self.list.clone(),
                numbering: numbering.clone(),
                code: code.clone(),
            },
        )
    }

    fn double_leads(&self) -> impl Iterator<Item = CodeListError> {
        self.split.iter().flat_map(move |(numbering, codes)| {
            let both =
                move |code: &&String| self.from.get(numbering).is_some_and(|one| one.contains_key(*code));
            codes.keys().filter(both).map(move |code| CodeListError::Both {
                list: self.list.clone(),
                numbering: numbering.clone(),
                code: code.clone(),
            })
        })
    }

    fn backwards(&self) -> impl Iterator<Item = CodeListError> {
        let own = self.valid.is_backwards().then(|| "the list".to_owned());
        let codes = self.codes.iter().filter(|(_, name)| name.valid.is_backwards());
        own.into_iter()
            .chain(codes.map(|(code, _)| format!("code '{code}'")))
            .map(|what| CodeListError::Backwards { list: self.list.clone(), what })
    }
}

#[cfg(test)]
#[path = "code_tests.rs"]
mod tests;
