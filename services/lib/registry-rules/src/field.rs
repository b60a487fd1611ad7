//! Names and values of fields.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name of an item of the field catalogue, with its namespace: `npd.birth_name`, later `vehicle.plate`.
///
/// A bare name belongs to the namespace `npd`, the items of Law on Identity art. 9.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldName(String);

/// Why a text is not a field name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "'{0}' is not a field name: lower-case letters, digits and '_', with at most one namespace before a '.'"
)]
pub struct FieldNameError(String);

/// Namespace of the items of Law on Identity art. 9.
const HOME: &str = "npd";

impl FieldName {
    /// The name with its namespace: `npd.birth_name`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without the namespace.
    pub fn item(&self) -> &str {
        self.0.split_once('.').map_or(self.0.as_str(), |(_, item)| item)
    }
}

impl TryFrom<String> for FieldName {
    type Error = FieldNameError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (space, item) = text.split_once('.').unwrap_or((HOME, &text));
        let good = |s: &str| {
            s.starts_with(|c: char| c.is_ascii_lowercase())
                && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        if good(space) && good(item) {
            Ok(Self(format!("{space}.{item}")))
        } else {
            Err(FieldNameError(text))
        }
    }
}

impl std::str::FromStr for FieldName {
    type Err = FieldNameError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl From<FieldName> for String {
    fn from(name: FieldName) -> Self {
        name.0
    }
}

impl std::fmt::Display for FieldName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Value of one item. Texts are NFC; dates ISO; a code travels with its list (`vn.sex:2`).
///
/// An item stands or falls as a whole: the parts of an address are never mixed from two records.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldValue {
    /// A scalar.
    Text(String),
    /// A structure of named parts: a name, an address, a card.
    Parts(BTreeMap<String, String>),
    /// Several of them, in canonical order.
    List(Vec<Self>),
}

/// Values are personal: only their shape is shown (design, invariant 7).
impl std::fmt::Debug for FieldValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(***)"),
            Self::Parts(parts) => write!(f, "Parts({:?})", parts.keys().collect::<Vec<_>>()),
            Self::List(items) => write!(f, "List({})", items.len()),
        }
    }
}

impl FieldValue {
    /// A structure from its parts; empty parts are left out.
    pub fn parts<'a>(parts: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        Self::Parts(
            parts.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| (k.to_owned(), v)).collect(),
        )
    }

    /// In one line, for people: a structure as `part=text, …`, a list with `;` between its items.
    pub fn readable(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => {
                parts.iter().map(|(part, text)| format!("{part}={text}")).collect::<Vec<_>>().join(", ")
            }
            Self::List(items) => items.iter().map(Self::readable).collect::<Vec<_>>().join("; "),
        }
    }

    /// The scalar, or the named part.
    pub fn part(&self, name: &str) -> Option<&str> {
        match self {
            Self::Text(text) if name.is_empty() => Some(text),
            Self::Parts(parts) => parts.get(name).map(String::as_str),
            Self::Text(_) | Self::List(_) => None,
        }
    }

    /// Whether another value says the same, be it with fewer parts: a name in full, with or without its words told apart.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let in_full = self.part("full");
        self == other || in_full.is_some() && in_full == other.part("full")
    }

    /// The scalar.
    pub fn text(&self) -> Option<&str> {
        self.part("")
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Parts(parts) => parts.is_empty(),
            Self::List(items) => items.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_gets_the_home_namespace() {
        let name: FieldName = "birth_name".parse().unwrap();
        assert_eq!((name.as_str(), name.item()), ("npd.birth_name", "birth_name"));
        assert!("Birth".parse::<FieldName>().is_err());
        assert!("a.b.c".parse::<FieldName>().is_err());
    }

    #[test]
    fn a_name_in_full_says_the_same_with_its_words_told_apart_and_nothing_less_precise_does() {
        let parts = |of: &[(&str, &str)]| FieldValue::parts(of.iter().map(|(k, v)| (*k, (*v).to_owned())));
        let apart = parts(&[("full", "Trần Thị Mơ"), ("family", "Trần"), ("given", "Mơ")]);
        let full = parts(&[("full", "Trần Thị Mơ")]);
        assert!(apart.says_the_same(&full) && full.says_the_same(&apart));
        assert!(!apart.says_the_same(&parts(&[("full", "Trần Thị Mai")])));
        let (near, far) = (parts(&[("province", "01"), ("commune", "7")]), parts(&[("province", "01")]));
        assert!(!near.says_the_same(&far) && near.says_the_same(&near.clone()));
    }

    #[test]
    fn debug_shows_no_value() {
        let value = FieldValue::parts([("full", "Nguyễn Thị Kiểm".to_owned())]);
        assert_eq!(format!("{value:?}"), r#"Parts(["full"])"#);
    }
}
