//! Calendar events, e.g. `mon..fri 8..17,22:0/15`: when they come next.

mod component;
mod parse;

use std::collections::BTreeSet;

use jiff::civil::{Date, Time, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::schema::formats::Named;
use component::List;

/// `pve-calendar-event`.
pub const FORMAT: Named = Named {
    name: "pve-calendar-event",
    check: |value| {
        CalendarEvent::parse(value).map(drop).map_err(|why| format!("invalid calendar event '{value}' - {why}\n"))
    },
};

/// A calendar event. An empty set means every value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CalendarEvent {
    /// 0 = Monday.
    weekdays: BTreeSet<i8>,
    years: List,
    months: List,
    days: List,
    hours: List,
    minutes: List,
    seconds: List,
}

/// An event that names no year comes within these days, or never: the 29th of February on a given weekday.
const SEARCHED_DAYS: u32 = 366 * 41;

impl CalendarEvent {
    /// The first time after `last`, in seconds since 1970, on a node whose time zone is UTC.
    #[must_use]
    pub fn next_after(&self, last: i64) -> Option<i64> {
        let start = Timestamp::from_second(last + 1).ok()?.to_zoned(TimeZone::UTC);
        let mut day = start.date();
        let mut from = start.time();
        if let Some(first) = self.years.least().filter(|first| i64::from(*first) > i64::from(day.year())) {
            day = date(i16::try_from(first).ok()?, 1, 1);
            from = Time::midnight();
        }
        for _ in 0..SEARCHED_DAYS {
            if self.years.greatest().is_some_and(|last| i64::from(last) < i64::from(day.year())) {
                return None;
            }
            if self.fits_day(day)
                && let Some(time) = self.first_time(from)
            {
                return day.to_datetime(time).to_zoned(TimeZone::UTC).ok().map(|found| found.timestamp().as_second());
            }
            day = day.checked_add(1.day()).ok()?;
            from = Time::midnight();
        }
        None
    }

    fn fits_day(&self, day: Date) -> bool {
        let number = |value: i8| u32::try_from(value).unwrap_or(0);
        (self.weekdays.is_empty() || self.weekdays.contains(&day.weekday().to_monday_zero_offset()))
            && self.years.contains(u32::try_from(day.year()).unwrap_or(0))
            && self.months.contains(number(day.month()))
            && self.days.contains(number(day.day()))
    }

    /// The first time of a day that isn't before `from`.
    fn first_time(&self, from: Time) -> Option<Time> {
        let number = |value: i8| u32::try_from(value).unwrap_or(0);
        let (h, m, s) = (number(from.hour()), number(from.minute()), number(from.second()));
        let at = |hour: u32, minute: u32, second: u32| {
            let part = |value: u32| i8::try_from(value).ok();
            Time::new(part(hour)?, part(minute)?, part(second)?, 0).ok()
        };
        for hour in (h..24).filter(|hour| self.hours.contains(*hour)) {
            let first_minute = if hour == h { m } else { 0 };
            for minute in (first_minute..60).filter(|minute| self.minutes.contains(*minute)) {
                let first_second = if (hour, minute) == (h, m) { s } else { 0 };
                if let Some(second) = (first_second..60).find(|second| self.seconds.contains(*second)) {
                    return at(hour, minute, second);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(event: &str, after: &str) -> String {
        let after: Timestamp = after.parse().unwrap();
        let event = CalendarEvent::parse(event).unwrap();
        event.next_after(after.as_second()).map_or("never".into(), |at| Timestamp::from_second(at).unwrap().to_string())
    }

    #[test]
    fn lone_lists_are_minutes() {
        assert_eq!(next("*/15", "2026-11-23T01:15:00Z"), "2026-11-23T01:30:00Z");
        assert_eq!(next("30/10", "2026-11-23T01:15:00Z"), "2026-11-23T01:30:00Z");
        assert_eq!(next("mon..fri 22", "2026-11-20T23:30:00Z"), "2026-11-23T00:22:00Z");
    }

    #[test]
    fn times_have_steps_and_ranges() {
        assert_eq!(next("8:00/15", "2026-11-23T08:50:00Z"), "2026-11-24T08:00:00Z");
        assert_eq!(next("12/2:5", "2026-11-23T12:05:00Z"), "2026-11-23T14:05:00Z");
        assert_eq!(next("8..17,22:0/15", "2026-11-23T17:45:00Z"), "2026-11-23T22:00:00Z");
        assert_eq!(next("25:00", "2026-11-23T09:25:00Z"), "2026-11-23T10:25:00Z");
        assert_eq!(next("59:10/20", "2026-11-23T09:59:30Z"), "2026-11-23T09:59:50Z");
        assert_eq!(next("10:20:30", "2026-11-23T10:20:30Z"), "2026-11-24T10:20:30Z");
    }

    #[test]
    fn dates_may_name_any_part() {
        assert_eq!(next("sat *-1..7 15:00", "2026-11-23T00:00:00Z"), "2026-12-05T15:00:00Z");
        assert_eq!(next("2030-1-1", "1970-01-01T00:00:00Z"), "2030-01-01T00:00:00Z");
        assert_eq!(next("2015-10-21", "2026-11-23T00:00:00Z"), "never");
        assert_eq!(next("quarterly", "2026-11-23T00:00:00Z"), "2027-01-01T00:00:00Z");
        assert_eq!(next("mon..fri", "2026-11-20T00:00:00Z"), "2026-11-23T00:00:00Z");
        assert_eq!(next("minutely", "2026-11-20T00:00:00Z"), "2026-11-20T00:01:00Z");
        assert_eq!(next("2-30", "2026-11-20T00:00:00Z"), "never");
    }
}
