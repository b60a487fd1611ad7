//! Which part of a history is asked for, and where it ends. Entries that a secret hides leave no gap: a page is as long as on
//! a person who has none.

use crate::StoreError;
use crate::history::VersionPlace;
use crate::link_history::EntryPlace;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

/// The longest history that one question gives, of each kind.
pub const HISTORY_LIMIT: i64 = 10_000;

/// Where a page ended: the last entry shown of each kind; none: no entry of it has been shown yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryPlace {
    /// Of the person.
    pub version: Option<i64>,
    /// Of the versions of records.
    pub record: Option<VersionPlace>,
    /// Of what became of keys' ids.
    pub link: Option<EntryPlace>,
    /// Of the links by score.
    pub scored: Option<EntryPlace>,
}

/// Which part of a history.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    /// Only what had been received by then.
    pub known: Option<DateTime<Utc>>,
    /// Only record versions whose legal time covers the day.
    pub day: Option<NaiveDate>,
    /// What comes after this.
    pub after: HistoryPlace,
    /// At most so many of each kind; never more than [`HISTORY_LIMIT`].
    pub limit: i64,
}

impl Default for HistoryPage {
    fn default() -> Self {
        Self { known: None, day: None, after: HistoryPlace::default(), limit: HISTORY_LIMIT }
    }
}

/// Entries of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T, P> {
    /// The entries.
    pub entries: Vec<T>,
    /// The last one's place; that which was asked after, where there is none.
    pub last: Option<P>,
    /// Whether others follow.
    pub more: bool,
}

/// Reads on after a place until there is a page of entries that nothing hides.
pub(crate) async fn visible<T, P: Clone>(
    limit: i64,
    after: Option<P>,
    mut fetch: impl AsyncFnMut(Option<P>, i64) -> Result<Vec<(P, T)>, StoreError>,
    hides: impl Fn(&T) -> bool,
) -> Result<Listed<T, P>, StoreError> {
    let most = usize::try_from(limit.clamp(1, HISTORY_LIMIT)).unwrap_or_default();
    let batch = limit.clamp(1, HISTORY_LIMIT) + 1;
    let (mut shown, mut place) = (Vec::new(), after.clone());
    loop {
        let read = fetch(place.clone(), batch).await?;
        let is_last = read.len() <= most;
        place = read.last().map(|(place, _)| place.clone()).or(place);
        shown.extend(read.into_iter().filter(|(_, entry)| !hides(entry)));
        if is_last || shown.len() > most {
            break;
        }
    }
    let more = shown.len() > most;
    shown.truncate(most);
    let last = shown.last().map(|(place, _)| place.clone()).or(after);
    Ok(Listed { entries: shown.into_iter().map(|(_, entry)| entry).collect(), last, more })
}
