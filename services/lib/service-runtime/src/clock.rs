//! The time, as a seam: a test moves it, a service reads it.
//!
//! Pure rules never see a clock; they get the business date as a value.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// `Asia/Ho_Chi_Minh` has been UTC+7 without summer time since 1975, so no time zone data is needed.
const VIETNAM_OFFSET: TimeDelta = TimeDelta::hours(7);

/// Where the present comes from.
pub trait Clock: Debug + Send + Sync {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;

    /// The calendar date in Vietnam at [`Clock::now`].
    fn business_date(&self) -> NaiveDate {
        business_date_at(self.now())
    }
}

/// The calendar date in Vietnam (`Asia/Ho_Chi_Minh`) at `moment`.
pub fn business_date_at(moment: DateTime<Utc>) -> NaiveDate {
    let local = moment.naive_utc().checked_add_signed(VIETNAM_OFFSET).unwrap_or(moment.naive_utc());
    local.date()
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<DateTime<Utc>>,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self { now: Mutex::new(now) }
    }

    /// Shows `now` from here on, earlier or later than before.
    pub fn set(&self, now: DateTime<Utc>) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Moves on by `step`.
    pub fn advance(&self, step: TimeDelta) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.checked_add_signed(step).unwrap_or(*now);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn the_business_date_changes_at_midnight_in_vietnam() {
        let clock = ManualClock::new(Utc.with_ymd_and_hms(2026, 11, 22, 16, 59, 59).unwrap());
        assert_eq!(clock.business_date(), NaiveDate::from_ymd_opt(2026, 11, 22).unwrap());
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(clock.business_date(), NaiveDate::from_ymd_opt(2026, 11, 23).unwrap());
    }
}
