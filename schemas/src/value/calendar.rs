//! When calendar events come: Proxmox's scheduler without time zones.

use std::ops::RangeInclusive;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};

/// A calendar event: the values that each part of a time may have, a bit each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarEvent {
    /// Bit 0 is Monday.
    weekdays: u64,
    /// In ascending order; empty where no year is named.
    years: Vec<u32>,
    months: u64,
    days: u64,
    hours: u64,
    minutes: u64,
    seconds: u64,
}

const YEARS: RangeInclusive<u32> = 1970..=2199;
const MONTHS: RangeInclusive<u32> = 1..=12;
const DAYS: RangeInclusive<u32> = 1..=31;
const HOURS: RangeInclusive<u32> = 0..=23;
/// Of an hour, and the seconds of a minute.
const MINUTES: RangeInclusive<u32> = 0..=59;

/// Any day of the year is on any weekday once within these days: the 29th of February has 40 years to go at most.
const SEARCHED_DAYS: u32 = 366 * 41;

const SPECIALS: [(&str, &str); 11] = [
    ("minutely", "*:*"),
    ("hourly", "*:00"),
    ("daily", "00:00"),
    ("weekly", "mon 00:00"),
    ("monthly", "*-1 00:00"),
    ("yearly", "1-1 00:00"),
    ("annually", "1-1 00:00"),
    // So written in Proxmox's parser, too.
    ("anually", "1-1 00:00"),
    ("quarterly", "1,4,7,10-1 00:00"),
    ("semiannually", "1,7-1 00:00"),
    ("semi-annually", "1,7-1 00:00"),
];

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl CalendarEvent {
    /// Reads an event; none if Proxmox refuses it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let special = SPECIALS.iter().find(|(name, _)| *name == text);
        let mut words = special.map_or(text.as_str(), |(_, event)| event).split_whitespace().peekable();
        // What is not said is midnight of every day.
        let mut event = Self {
            weekdays: all(&(0..=6)),
            years: Vec::new(),
            months: all(&MONTHS),
            days: all(&DAYS),
            hours: 1,
            minutes: 1,
            seconds: 1,
        };
        if let Some(days) = words.next_if(|word| word.starts_with(|c: char| c.is_ascii_alphabetic())) {
            event.weekdays = weekdays(days)?;
        }
        if let Some(date) = words.next_if(|word| word.contains('-')) {
            event.set_date(date)?;
        }
        if let Some(time) = words.next() {
            event.set_time(time)?;
        }
        words.next().is_none().then_some(event)
    }

    /// Whether the text is a list of hours.
    pub(super) fn are_hours(text: &str) -> bool {
        values(text, &HOURS).is_some()
    }

    /// The first time after `last`, on a clock that is never changed; none if the event has ended.
    #[must_use]
    pub fn next_after(&self, last: DateTime) -> Option<DateTime> {
        // Whole seconds only, so that a fraction does not make the same second the next one.
        let start = last.with().subsec_nanosecond(0).build().ok()?.checked_add(1.second()).ok()?;
        let (mut day, mut from) = (start.date(), start.time());
        if let Some(&first) = self.years.first()
            && i64::from(day.year()) < i64::from(first)
        {
            (day, from) = (Date::new(i16::try_from(first).ok()?, 1, 1).ok()?, Time::midnight());
        }
        for _ in 0..SEARCHED_DAYS {
            if self.has_day(day)
                && let Some(time) = self.first_time(from)
            {
                return Some(day.to_datetime(time));
            }
            (day, from) = (day.tomorrow().ok()?, Time::midnight());
        }
        None
    }

    fn has_day(&self, day: Date) -> bool {
        let is_year = self.years.is_empty() || self.years.iter().any(|&year| i64::from(year) == i64::from(day.year()));
        is_year
            && has(self.months, day.month())
            && has(self.days, day.day())
            && has(self.weekdays, day.weekday().to_monday_zero_offset())
    }

    /// The first time of a day that is not before `from`.
    fn first_time(&self, from: Time) -> Option<Time> {
        let (hour, minute, second) = (from.hour(), from.minute(), from.second());
        let rest_of_minute = || {
            let second = least(self.seconds, second).filter(|_| has(self.hours, hour) && has(self.minutes, minute))?;
            Some((hour, minute, second))
        };
        let rest_of_hour = || {
            let minute = least(self.minutes, minute + 1).filter(|_| has(self.hours, hour))?;
            Some((hour, minute, least(self.seconds, 0)?))
        };
        let rest_of_day = || Some((least(self.hours, hour + 1)?, least(self.minutes, 0)?, least(self.seconds, 0)?));
        let (hour, minute, second) = rest_of_minute().or_else(rest_of_hour).or_else(rest_of_day)?;
        Time::new(hour, minute, second, 0).ok()
    }

    /// `[YEAR-]MONTH-DAY`
    fn set_date(&mut self, text: &str) -> Option<()> {
        let (months, days) = match text.split('-').collect::<Vec<_>>()[..] {
            [months, days] => (months, days),
            [years, months, days] => {
                // A year that is not restricted has no end.
                self.years = if years == "*" { Vec::new() } else { values(years, &YEARS)? };
                (months, days)
            }
            _ => return None,
        };
        (self.months, self.days) = (mask(months, &MONTHS)?, mask(days, &DAYS)?);
        Some(())
    }

    /// `[HOURS:]MINUTES[:SECONDS]`. Without a valid hour the parts are minutes and seconds: `25:00` is the minute 25 of every
    /// hour.
    fn set_time(&mut self, text: &str) -> Option<()> {
        let fields: Vec<&str> = text.split(':').collect();
        let (hours, rest) = match fields.split_first() {
            Some((first, rest)) if !rest.is_empty() && Self::are_hours(first) => (mask(first, &HOURS)?, rest),
            _ => (all(&HOURS), &fields[..]),
        };
        let (minutes, seconds) = match rest {
            [minutes] => (minutes, None),
            [minutes, seconds] => (minutes, Some(seconds)),
            _ => return None,
        };
        (self.hours, self.minutes) = (hours, mask(minutes, &MINUTES)?);
        if let Some(seconds) = seconds {
            self.seconds = mask(seconds, &MINUTES)?;
        }
        Some(())
    }
}

/// `mon`, `mon..fri`, `sat..mon`, `sat,sun`; a day has three letters or all of them.
fn weekdays(text: &str) -> Option<u64> {
    let day = |text: &str| WEEKDAYS.iter().position(|name| text == *name || text == &name[..3]);
    let mut mask = 0;
    for item in text.split(',') {
        let (first, last) = item.split_once("..").unwrap_or((item, item));
        let (first, last) = (day(first)?, day(last)?);
        let length = (last + 7 - first) % 7;
        mask |= (0..=length).map(|step| 1 << ((first + step) % 7)).sum::<u64>();
    }
    Some(mask)
}

/// `*`, `*/STEP`, or a list of `N`, `N..M`, `N/STEP` and `N..M/STEP`. A step is a value itself, and bounded like one.
fn values(text: &str, range: &RangeInclusive<u32>) -> Option<Vec<u32>> {
    let value = |text: &str| number(text).filter(|n| range.contains(n));
    let step = |text: &str| number(text).filter(|n| (1..=*range.end()).contains(n));
    let stepped = |range: RangeInclusive<u32>, step: u32| range.step_by(usize::try_from(step).unwrap_or(usize::MAX));
    if let Some(rest) = text.strip_prefix('*') {
        let every = if rest.is_empty() { 1 } else { step(rest.strip_prefix('/')?)? };
        return Some(stepped(range.clone(), every).collect());
    }
    let mut found = Vec::new();
    for item in text.split(',') {
        let (values, every) = item.split_once('/').map_or((item, None), |(values, every)| (values, Some(every)));
        let (first, last) = match values.split_once("..") {
            Some((first, last)) => (value(first)?, value(last)?),
            None => (value(values)?, if every.is_some() { *range.end() } else { value(values)? }),
        };
        if last < first {
            return None;
        }
        found.extend(stepped(first..=last, every.map_or(Some(1), step)?));
    }
    found.sort_unstable();
    found.dedup();
    Some(found)
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn mask(text: &str, range: &RangeInclusive<u32>) -> Option<u64> {
    Some(values(text, range)?.into_iter().fold(0, |mask, value| mask | 1 << value))
}

fn all(range: &RangeInclusive<u32>) -> u64 {
    range.clone().fold(0, |mask, value| mask | 1 << value)
}

fn has(mask: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| mask >> value & 1 == 1)
}

/// The least value that is not below `from`.
fn least(mask: u64, from: i8) -> Option<i8> {
    let rest = mask.checked_shr(u32::try_from(from).ok()?)?;
    let skipped = (rest != 0).then(|| rest.trailing_zeros())?;
    from.checked_add(i8::try_from(skipped).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(event: &str, after: &str) -> String {
        let event = CalendarEvent::parse(event).unwrap();
        event.next_after(after.parse().unwrap()).map_or("never".to_owned(), |time| time.to_string())
    }

    #[test]
    fn a_lone_list_is_minutes_and_no_time_is_midnight() {
        assert_eq!(next("*/15", "2026-11-23T01:15:00"), "2026-11-23T01:30:00");
        assert_eq!(next("30/10", "2026-11-23T01:50:00"), "2026-11-23T02:30:00");
        assert_eq!(next("mon..fri 22", "2026-11-20T23:30:00"), "2026-11-23T00:22:00");
        assert_eq!(next("sat..mon", "2026-11-23T00:00:00"), "2026-11-28T00:00:00");
    }

    #[test]
    fn times_have_steps_ranges_and_seconds() {
        assert_eq!(next("8:00/15", "2026-11-23T08:50:00"), "2026-11-24T08:00:00");
        assert_eq!(next("12/2:5", "2026-11-23T12:05:00"), "2026-11-23T14:05:00");
        assert_eq!(next("8..17,22:0/15", "2026-11-23T17:45:00"), "2026-11-23T22:00:00");
        assert_eq!(next("25:00", "2026-11-23T09:25:00"), "2026-11-23T10:25:00");
        assert_eq!(next("59:10/20", "2026-11-23T09:59:30"), "2026-11-23T09:59:50");
        assert_eq!(next("10:20:30", "2026-11-23T10:20:29.5"), "2026-11-23T10:20:30");
        assert_eq!(next("10:20:30", "2026-11-23T10:20:30.5"), "2026-11-24T10:20:30");
    }

    #[test]
    fn dates_may_name_any_part() {
        assert_eq!(next("sat *-1..7 15:00", "2026-11-23T00:00:00"), "2026-12-05T15:00:00");
        assert_eq!(next("2030-1-1", "1970-01-01T00:00:00"), "2030-01-01T00:00:00");
        assert_eq!(next("2015-10-21", "2026-11-23T00:00:00"), "never");
        assert_eq!(next("2-30", "2026-11-20T00:00:00"), "never");
        assert_eq!(next("mon 2-29", "2096-03-01T00:00:00"), "2112-02-29T00:00:00");
        assert_eq!(next("*-12-24 18:00", "2026-12-24T18:00:00"), "2027-12-24T18:00:00");
    }

    #[test]
    fn every_word_is_an_event() {
        for (word, expected) in [
            ("minutely", "2026-11-20T12:31:00"),
            ("hourly", "2026-11-20T13:00:00"),
            ("daily", "2026-11-21T00:00:00"),
            ("weekly", "2026-11-23T00:00:00"),
            ("monthly", "2026-12-01T00:00:00"),
            ("quarterly", "2027-01-01T00:00:00"),
            ("semiannually", "2027-01-01T00:00:00"),
            ("semi-annually", "2027-01-01T00:00:00"),
            ("yearly", "2027-01-01T00:00:00"),
            ("annually", "2027-01-01T00:00:00"),
            ("anually", "2027-01-01T00:00:00"),
        ] {
            assert_eq!(next(word, "2026-11-20T12:30:00"), expected, "{word}");
        }
    }
}
