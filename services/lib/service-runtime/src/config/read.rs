//! Reading a tree of values into a type, with every fault at once.
//!
//! A derived `Deserialize` stops at its first error. So the tree is read again after each one, with a value that fits
//! standing in for what was at fault ([`Node`] in substitution), until no new fault shows up. A type that accepts none
//! of the stand-ins is read last, so that it hides as little as possible.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use config::{Value, ValueKind};
use serde::de::DeserializeOwned;

use super::node::{CANDIDATES, Node};

/// The path of keys from the root to a value; list items by their index.
pub(super) type KeyPath = Vec<String>;

/// Each reading finds a fault or a stand-in; a configuration with more of them than this is no configuration.
const MAX_READINGS: usize = 2_000;

/// What the readings have found so far.
#[derive(Debug, Default)]
pub(super) struct Survey {
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    faults: BTreeMap<KeyPath, String>,
    /// Which stand-in is in use at a path.
    substituted: BTreeMap<KeyPath, usize>,
    /// Where no stand-in fits.
    stuck: BTreeSet<KeyPath>,
}

impl Survey {
    pub(super) fn note(&self, path: KeyPath, reason: String) {
        self.state.borrow_mut().faults.entry(path).or_insert(reason);
    }

    /// The stand-in in use at `path`.
    pub(super) fn substitute_at(&self, path: &[String]) -> Option<usize> {
        self.state.borrow().substituted.get(path).copied()
    }

    /// Keys directly below `path` that a stand-in provides.
    pub(super) fn substituted_below(&self, path: &[String]) -> Vec<String> {
        let state = self.state.borrow();
        let below =
            state.substituted.keys().filter(|key| key.len() == path.len() + 1 && key.starts_with(path));
        below.filter_map(|key| key.last().cloned()).collect()
    }

    /// Whether a value without a fitting stand-in is at or below `path`.
    pub(super) fn is_stuck_below(&self, path: &[String]) -> bool {
        self.state.borrow().stuck.iter().any(|key| key.starts_with(path))
    }

    /// Takes in an error; `false` when another reading would only find it again.
    fn learn(&self, path: KeyPath, reason: String) -> bool {
        let mut state = self.state.borrow_mut();
        if state.stuck.contains(&path) {
            return false;
        }
        match state.substituted.get_mut(&path) {
            Some(candidate) if *candidate + 1 < CANDIDATES => *candidate += 1,
            Some(_) => {
                state.stuck.insert(path);
            }
            None => {
                let is_inside_a_fault = (0..path.len()).any(|length| {
                    path.get(..length).is_some_and(|above| state.substituted.contains_key(above))
                });
                if !is_inside_a_fault {
                    state.faults.entry(path.clone()).or_insert(reason);
                }
                state.substituted.insert(path, 0);
            }
        }
        true
    }

    fn into_faults(self) -> Vec<(KeyPath, String)> {
        self.state.into_inner().faults.into_iter().collect()
    }
}

/// Reads `values` into `T`, or gives every fault with its path.
pub(super) fn read<T: DeserializeOwned>(values: &Value) -> Result<T, Vec<(KeyPath, String)>> {
    let survey = Survey::default();
    for _ in 0..MAX_READINGS {
        match T::deserialize(Node::root(values, &survey)) {
            Ok(config) => {
                let faults = survey.into_faults();
                return if faults.is_empty() { Ok(config) } else { Err(faults) };
            }
            Err(error) => {
                let error = error.at(&[]);
                if !survey.learn(error.path.unwrap_or_default(), error.reason) {
                    break;
                }
            }
        }
    }
    Err(survey.into_faults())
}

/// Whether the value at `path` came from the environment (the file's values name no origin).
pub(super) fn is_from_environment(values: &Value, path: &[String]) -> bool {
    let mut value = Some(values);
    for key in path {
        value = value.and_then(|value| match &value.kind {
            ValueKind::Table(table) => table.get(key),
            ValueKind::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
            ValueKind::Nil
            | ValueKind::Boolean(_)
            | ValueKind::I64(_)
            | ValueKind::I128(_)
            | ValueKind::U64(_)
            | ValueKind::U128(_)
            | ValueKind::Float(_)
            | ValueKind::String(_) => None,
        });
    }
    value.is_some_and(|value| value.origin().is_some())
}
