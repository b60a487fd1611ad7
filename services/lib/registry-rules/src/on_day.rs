//! A record as it held on an earlier day: what has begun by then, and what ended only later.

use crate::{PartialDate, SourceRecord, Standing};
use chrono::{Datelike as _, NaiveDate};

/// The record as it held on a day before today; none if it had not begun. One that ended on that day or later still
/// held. What was annulled never did, whatever the day.
pub(crate) fn on_day(record: &SourceRecord, day: NaiveDate) -> Option<SourceRecord> {
    if record.valid_from.is_some_and(|from| begins_after(from, day)) {
        return None;
    }
    let mut then = record.clone();
    if then.standing == Standing::Ceased && then.valid_to.is_some_and(|to| to.latest() >= day) {
        then.standing = Standing::Asserted;
    }
    Some(then)
}

/// Whether all days that the date can stand for come after the day.
fn begins_after(from: PartialDate, day: NaiveDate) -> bool {
    from.full().map_or_else(|| i32::from(from.year()) > day.year(), |from| from > day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RecordKey, Version};
    use std::collections::BTreeMap;

    fn record(from: Option<&str>, to: Option<&str>, standing: Standing) -> SourceRecord {
        SourceRecord {
            record_key: RecordKey::try_from("residence/permanent/1/resident".to_owned()).unwrap(),
            version: Version::default(),
            kind: "test".to_owned(),
            standing,
            act: None,
            refers_to: None,
            valid_from: from.map(|d| d.parse().unwrap()),
            valid_to: to.map(|d| d.parse().unwrap()),
            recorded_at: None,
            identifiers: Vec::new(),
            relation_group: None,
            fields: BTreeMap::new(),
            mapping_version: 1,
        }
    }

    #[test]
    fn what_had_not_begun_is_not_there_and_what_ended_later_still_held() {
        for (from, to, standing, held) in [
            (None, None, Standing::Asserted, Some(Standing::Asserted)),
            (Some("2020-05-02"), None, Standing::Asserted, None),
            (Some("2020-05-01"), None, Standing::Asserted, Some(Standing::Asserted)),
            (Some("2020"), None, Standing::Asserted, Some(Standing::Asserted)),
            (Some("2021"), None, Standing::Asserted, None),
            (None, Some("2020-05-01"), Standing::Ceased, Some(Standing::Asserted)),
            (None, Some("2020-04-30"), Standing::Ceased, Some(Standing::Ceased)),
            (None, None, Standing::Ceased, Some(Standing::Ceased)),
            (None, Some("2030-01-01"), Standing::Annulled, Some(Standing::Annulled)),
        ] {
            let day = "2020-05-01".parse().unwrap();
            let then = on_day(&record(from, to, standing), day).map(|r| r.standing);
            assert_eq!(then, held, "{from:?} {to:?} {standing:?}");
        }
    }
}
