//! Which open cases the list shows: chosen in a form, carried in the page's address.

use crate::language::{Language, Texts};
use crate::vocabulary;
use registry_rules::{CaseKind, CaseState};
use registry_store::CaseFilter;
use serde::Deserialize;

/// What the address asks for; empty texts ask for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    state: String,
    kind: String,
    waits_for: String,
    overdue: String,
}

/// The form as the page shows it.
#[derive(Debug)]
pub(super) struct FilterForm {
    pub(super) states: Vec<Choice>,
    pub(super) kinds: Vec<Choice>,
    pub(super) sources: Vec<Choice>,
    pub(super) overdue: bool,
    /// Something is asked for.
    pub(super) is_set: bool,
    /// The same as part of an address: `state=new&`, or nothing.
    pub(super) query: String,
}

/// One choice of a list.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) code: &'static str,
    pub(super) words: String,
    pub(super) chosen: bool,
}

impl Asked {
    /// The filter; none where something is asked for that is not there to choose.
    pub(super) fn filter(&self) -> Option<CaseFilter> {
        let state = match self.state.as_str() {
            "" => None,
            name => Some(CaseState::read(name).filter(|state| state.is_open())?),
        };
        let kind = match self.kind.as_str() {
            "" => None,
            name => Some(CaseKind::ALL.into_iter().find(|kind| kind.as_str() == name)?),
        };
        let waits_for = match self.waits_for.as_str() {
            "" => None,
            name => Some(vocabulary::source_codes().find(|code| *code == name)?.to_owned()),
        };
        let overdue = match self.overdue.as_str() {
            "" | "0" => false,
            "1" => true,
            _ => return None,
        };
        Some(CaseFilter { state, kind, waits_for, overdue })
    }
}

impl FilterForm {
    pub(super) fn of(filter: &CaseFilter, language: Language, t: &Texts) -> Self {
        let states = CaseState::ALL.into_iter().filter(|state| state.is_open()).map(|state| Choice {
            code: state.as_str(),
            words: vocabulary::case_state(state, t).to_owned(),
            chosen: filter.state == Some(state),
        });
        let kinds = CaseKind::ALL.into_iter().map(|kind| Choice {
            code: kind.as_str(),
            words: vocabulary::case_kind(kind, t).to_owned(),
            chosen: filter.kind == Some(kind),
        });
        let sources = vocabulary::source_codes().map(|code| Choice {
            code,
            words: vocabulary::source(code, language),
            chosen: filter.waits_for.as_deref() == Some(code),
        });
        let query = query(filter);
        Self {
            states: states.collect(),
            kinds: kinds.collect(),
            sources: sources.collect(),
            overdue: filter.overdue,
            is_set: !query.is_empty(),
            query,
        }
    }
}

/// Only codes stand in it, which need no escapes.
fn query(filter: &CaseFilter) -> String {
    let parts = [
        ("state", filter.state.map(CaseState::as_str)),
        ("kind", filter.kind.map(CaseKind::as_str)),
        ("waits_for", filter.waits_for.as_deref()),
        ("overdue", filter.overdue.then_some("1")),
    ];
    let set = parts.into_iter().filter_map(|(name, value)| Some(format!("{name}={}&", value?)));
    set.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Asked {
        let uri: axum::http::Uri = format!("/cases?{text}").parse().unwrap();
        axum::extract::Query::try_from_uri(&uri).unwrap().0
    }

    #[test]
    fn what_is_asked_for_comes_back_in_the_address_of_the_next_page() {
        for text in [
            "",
            "state=waiting&kind=orphan&waits_for=residence&overdue=1&",
            "overdue=1&",
            "kind=error_report&",
        ] {
            let filter = asked(text).filter().unwrap();
            assert_eq!(query(&filter), text);
        }
        assert_eq!(asked("state=&kind=&waits_for=&overdue=0").filter(), Some(CaseFilter::default()));
    }

    #[test]
    fn what_cannot_be_chosen_is_refused() {
        for text in ["state=closed", "state=x", "kind=x", "waits_for=nobody", "overdue=yes"] {
            assert_eq!(asked(text).filter(), None, "{text}");
        }
    }
}
