//! One value of the tree as serde reads it: the value itself, or a stand-in where it is missing or at fault.

use config::{Value, ValueKind};
use serde::de::value::StrDeserializer;
use serde::de::{Deserializer, Error as _, IntoDeserializer as _, Visitor};
use serde::forward_to_deserialize_any;

use super::read::{KeyPath, Survey};
use super::read_error::{ReadError, unknown_key};

/// Reads a value in one way and places an error at the value's path.
macro_rules! placed {
    ($node:ident, $reading:expr) => {{
        let path = $node.path.clone();
        $reading.map_err(|error: ReadError| error.at(&path))
    }};
}

mod access;

use access::{Entries, Items, Variant};

/// Texts that stand in for one at fault, until the type accepts one.
const STAND_IN_TEXTS: &[&str] = &[
    "a",
    "1s",
    "1 MiB",
    "127.0.0.1:1",
    "127.0.0.1",
    "postgres://a@127.0.0.1/a",
    "http://127.0.0.1",
    "2000-01-01",
    "1",
    "/dev/null",
];

/// How many stand-ins a value at fault has.
pub(super) const CANDIDATES: usize = STAND_IN_TEXTS.len();

/// Between the items of a list in an environment variable.
const LIST_SEPARATOR: char = ',';

/// A value with its path.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    value: Option<&'a Value>,
    path: KeyPath,
    survey: &'a Survey,
    /// The stand-in to use for texts; the value is not looked at then.
    stand_in: Option<usize>,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value, survey: &'a Survey) -> Self {
        Self::new(Some(value), KeyPath::new(), survey)
    }

    fn new(value: Option<&'a Value>, path: KeyPath, survey: &'a Survey) -> Self {
        let stand_in = survey.substitute_at(&path);
        let value = if stand_in.is_some() { None } else { value };
        // Within a stand-in everything is one, also where nothing was at fault yet.
        let stand_in = if value.is_none() { Some(stand_in.unwrap_or(0)) } else { None };
        Self { value, path, survey, stand_in }
    }

    fn child(&self, key: &str, value: Option<&'a Value>) -> Self {
        let mut path = self.path.clone();
        path.push(key.to_owned());
        Self::new(value, path, self.survey)
    }

    fn stand_in_text(&self) -> &'static str {
        self.stand_in.and_then(|index| STAND_IN_TEXTS.get(index)).copied().unwrap_or_default()
    }

    /// The text of an environment variable, which carries numbers and lists too.
    fn environment_text(&self) -> Option<&'a str> {
        let value = self.value.filter(|value| value.origin().is_some())?;
        match &value.kind {
            ValueKind::String(text) => Some(text.trim()),
            ValueKind::Nil
            | ValueKind::Boolean(_)
            | ValueKind::I64(_)
            | ValueKind::I128(_)
            | ValueKind::U64(_)
            | ValueKind::U128(_)
            | ValueKind::Float(_)
            | ValueKind::Table(_)
            | ValueKind::Array(_) => None,
        }
    }

    fn visit_number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.stand_in.is_some() {
            return visitor.visit_u64(1);
        }
        if let Some(text) = self.environment_text() {
            if let Ok(number) = text.parse::<i64>() {
                return visitor.visit_i64(number);
            }
            if let Ok(number) = text.parse::<f64>() {
                return visitor.visit_f64(number);
            }
        }
        self.visit_any(visitor)
    }

    fn visit_table<'de, V: Visitor<'de>>(
        self,
        known: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let mut entries: Vec<(String, Self)> = Vec::new();
        if let Some(value) = self.value {
            let ValueKind::Table(table) = &value.kind else {
                return self.visit_any(visitor);
            };
            for (key, value) in table {
                let entry = self.child(key, Some(value));
                match known {
                    Some(known) if !known.contains(&key.as_str()) => {
                        self.survey.note(entry.path, unknown_key(key, known));
                    }
                    Some(_) | None => entries.push((key.clone(), entry)),
                }
            }
        }
        for key in self.survey.substituted_below(&self.path) {
            if !entries.iter().any(|(present, _)| *present == key) {
                entries.push((key.clone(), self.child(&key, None)));
            }
        }
        entries.sort_by_cached_key(|(key, entry)| (self.survey.is_stuck_below(&entry.path), key.clone()));
        visitor.visit_map(Entries { rest: entries.into_iter(), next: None })
    }

    fn visit_items<'de, V: Visitor<'de>>(
        self,
        items: &'a [Value],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let children =
            items.iter().enumerate().map(|(index, item)| self.child(&index.to_string(), Some(item)));
        visitor.visit_seq(Items { rest: children.collect::<Vec<_>>().into_iter() })
    }

    fn visit_any<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let Some(value) = self.value else {
            return visitor.visit_str(self.stand_in_text());
        };
        match &value.kind {
            ValueKind::Nil => visitor.visit_unit(),
            ValueKind::Boolean(flag) => visitor.visit_bool(*flag),
            ValueKind::I64(number) => visitor.visit_i64(*number),
            ValueKind::I128(number) => visitor.visit_i128(*number),
            ValueKind::U64(number) => visitor.visit_u64(*number),
            ValueKind::U128(number) => visitor.visit_u128(*number),
            ValueKind::Float(number) => visitor.visit_f64(*number),
            ValueKind::String(text) => visitor.visit_str(text),
            ValueKind::Table(_) => self.visit_table(None, visitor),
            ValueKind::Array(items) => self.visit_items(items, visitor),
        }
    }

    fn visit_bool<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.stand_in.is_some() {
            return visitor.visit_bool(false);
        }
        match self.environment_text().map(str::parse::<bool>) {
            Some(Ok(flag)) => visitor.visit_bool(flag),
            Some(Err(_)) | None => self.visit_any(visitor),
        }
    }

    fn visit_list<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.stand_in.is_some() {
            return visitor.visit_seq(Items { rest: Vec::new().into_iter() });
        }
        let Some(text) = self.environment_text() else {
            return self.visit_any(visitor);
        };
        let origin = self.value.and_then(Value::origin).map(str::to_owned);
        let items = text.split(LIST_SEPARATOR).map(str::trim).filter(|item| !item.is_empty());
        let items: Vec<Value> = items.map(|item| Value::new(origin.as_ref(), item)).collect();
        Node::visit_items(self, &items, visitor)
    }

    fn visit_variant<'de, V: Visitor<'de>>(
        self,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if let Some(index) = self.stand_in {
            let variant = variants.get(index % variants.len().max(1)).copied().unwrap_or_default();
            return visitor.visit_enum(Variant { name: variant.to_owned(), content: self });
        }
        let Some(value) = self.value else {
            return self.visit_any(visitor);
        };
        match &value.kind {
            ValueKind::String(text) => {
                let name: StrDeserializer<'_, ReadError> = text.as_str().into_deserializer();
                visitor.visit_enum(name)
            }
            ValueKind::Table(table) => {
                let mut entries = table.iter();
                let (Some((name, content)), None) = (entries.next(), entries.next()) else {
                    return Err(ReadError::custom("a table with exactly one key is expected here"));
                };
                visitor.visit_enum(Variant { name: name.clone(), content: self.child(name, Some(content)) })
            }
            ValueKind::Nil
            | ValueKind::Boolean(_)
            | ValueKind::I64(_)
            | ValueKind::I128(_)
            | ValueKind::U64(_)
            | ValueKind::U128(_)
            | ValueKind::Float(_)
            | ValueKind::Array(_) => self.visit_any(visitor),
        }
    }
}

macro_rules! read_numbers {
    ($($method:ident)+) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
                placed!(self, self.visit_number(visitor))
            }
        )+
    };
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = ReadError;

    read_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    forward_to_deserialize_any! { char str string bytes byte_buf unit unit_struct identifier }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        placed!(self, self.visit_any(visitor))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        placed!(self, self.visit_bool(visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let is_nothing = match self.value {
            None => true,
            Some(value) => value.kind == ValueKind::Nil,
        };
        if is_nothing { visitor.visit_none() } else { placed!(self, visitor.visit_some(self)) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        placed!(self, visitor.visit_newtype_struct(self))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        placed!(self, self.visit_list(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, ReadError> {
        if self.stand_in.is_some() {
            let items: Vec<Self> = (0..length).map(|index| self.child(&index.to_string(), None)).collect();
            return placed!(self, visitor.visit_seq(Items { rest: items.into_iter() }));
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        placed!(self, self.visit_table(None, visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        placed!(self, self.visit_table(Some(fields), visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        placed!(self, self.visit_variant(variants, visitor))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }
}
