//! Why a value does not fit its type, without quoting the value: a secret may stand in the wrong place.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

/// The largest number of single-letter edits between a name and the one probably meant.
const MAX_EDITS: usize = 3;

/// An error with the path at which it arose, once known.
#[derive(Debug)]
pub(super) struct ReadError {
    pub(super) path: Option<Vec<String>>,
    /// The key that is missing at `path`, where that is the error.
    pub(super) missing: Option<&'static str>,
    pub(super) reason: String,
}

impl ReadError {
    fn new(reason: String) -> Self {
        Self { path: None, missing: None, reason }
    }

    /// Places the error at `path` unless a deeper place is known.
    pub(super) fn at(mut self, path: &[String]) -> Self {
        if self.path.is_none() {
            let mut path = path.to_vec();
            path.extend(self.missing.map(str::to_owned));
            self.path = Some(path);
        }
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("{} stands where {expected} is expected", kind_of(unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("{} does not fit; expected {expected}", kind_of(unexpected)))
    }

    fn missing_field(field: &'static str) -> Self {
        Self { path: None, missing: Some(field), reason: "missing; this key is required".to_owned() }
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::new(format!("`{field}`: {}", unknown_key(field, known)))
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::new(format!("not one of {}", listed(known)))
    }
}

/// What to say of a key that the configuration does not have.
pub(super) fn unknown_key(key: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|name| (strsim::damerau_levenshtein(key, name), name)).min();
    match nearest {
        Some((edits, name)) if edits <= MAX_EDITS && edits < name.len() => {
            format!("unknown key; did you mean `{name}`?")
        }
        _ if known.is_empty() => "unknown key; none is possible here".to_owned(),
        _ => format!("unknown key; possible are {}", listed(known)),
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn kind_of(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(value) => format!("the boolean {value}"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Char(_) | Unexpected::Str(_) => "a text".to_owned(),
        Unexpected::Bytes(_) => "bytes".to_owned(),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        Unexpected::NewtypeStruct
        | Unexpected::Enum
        | Unexpected::UnitVariant
        | Unexpected::NewtypeVariant
        | Unexpected::TupleVariant
        | Unexpected::StructVariant
        | Unexpected::Other(_) => "a value of another kind".to_owned(),
    }
}
