//! Calendar events of Proxmox's scheduler.

use std::ops::RangeInclusive;

use super::parsed::parsed;

parsed! {
    /// When something runs: `[WEEKDAY] [[YEAR-]MONTH-DAY] [HH:MM[:SS]]`, such as `*/15`, `mon..fri 22:00` or `daily`.
    Schedule, "pve-calendar-event", |text| calendar_event(text, "must not be empty; for the default write */15")
}

parsed! {
    /// When a backup job runs: a calendar event like any other, but one that has no default.
    BackupSchedule, "pve-backup-schedule", |text| calendar_event(text, "must not be empty; write sat 02:00, for example")
}

fn calendar_event(text: &str, empty: &str) -> Result<(), String> {
    if text.chars().count() > 128 {
        return Err("must be at most 128 characters long".to_owned());
    }
    if text.trim().is_empty() {
        return Err(empty.to_owned());
    }
    // Proxmox would cut them, so that what is read back differs for ever.
    if text.trim() != text {
        return Err(format!("must not begin or end with blanks; write {:?}", text.trim()));
    }
    if is_calendar_event(&text.to_ascii_lowercase()) {
        return Ok(());
    }
    Err("must be a calendar event of Proxmox: [WEEKDAY] [[YEAR-]MONTH-DAY] [HH:MM[:SS]], such as */15, mon..fri 22:00, \
         sat *-1..7 15:00 or daily"
        .to_owned())
}

impl BackupSchedule {
    /// The time of an event whose two parts are minutes and seconds of every hour, since the first one is no hour: `25:00`.
    pub fn minutes_and_seconds(text: &str) -> Option<&str> {
        let time = text.split_whitespace().next_back().filter(|time| time.matches(':').count() == 1)?;
        let (first, _) = time.split_once(':')?;
        (is_calendar_event(&text.to_ascii_lowercase()) && !is_list(first, &HOURS)).then_some(time)
    }
}

const SPECIALS: [&str; 11] = [
    "minutely",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "yearly",
    "annually",
    // So written in Proxmox's parser, too.
    "anually",
    "quarterly",
    "semiannually",
    "semi-annually",
];

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

fn is_calendar_event(text: &str) -> bool {
    if SPECIALS.contains(&text) {
        return true;
    }
    let mut words = text.split_whitespace().peekable();
    let days = words.next_if(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()));
    let date = words.next_if(|word| word.contains('-'));
    let time = words.next();
    words.next().is_none() && days.is_none_or(are_weekdays) && date.is_none_or(is_date) && time.is_none_or(is_time)
}

/// `mon`, `mon..fri`, `sat,sun`; a day has three letters or all of them.
fn are_weekdays(text: &str) -> bool {
    let is_day = |day: &str| WEEKDAYS.iter().any(|name| day == *name || day == &name[..3]);
    text.split(',').all(|item| {
        let (first, last) = item.split_once("..").unwrap_or((item, item));
        is_day(first) && is_day(last)
    })
}

/// `[YEAR-]MONTH-DAY`
fn is_date(text: &str) -> bool {
    const PARTS: [RangeInclusive<u32>; 3] = [1970..=2199, 1..=12, 1..=31];
    are_lists(text.split('-').collect(), 2, &PARTS)
}

const HOURS: RangeInclusive<u32> = 0..=23;

/// `[HOURS:]MINUTES[:SECONDS]`. Without a valid hour the parts are minutes and seconds: `25:00` is the minute 25 of every hour.
fn is_time(text: &str) -> bool {
    const MINUTES: [RangeInclusive<u32>; 2] = [0..=59, 0..=59];
    let fields: Vec<&str> = text.split(':').collect();
    let rest = match fields.split_first() {
        Some((first, rest)) if !rest.is_empty() && is_list(first, &HOURS) => rest,
        _ => &fields,
    };
    rest.len() <= MINUTES.len() && are_lists_of(rest, &MINUTES)
}

/// Whether `fields` are the last parts of `ranges`, at least `least` of them.
fn are_lists(fields: Vec<&str>, least: usize, ranges: &[RangeInclusive<u32>]) -> bool {
    let left_out = ranges.len().checked_sub(fields.len());
    left_out.is_some_and(|left_out| fields.len() >= least && are_lists_of(&fields, &ranges[left_out..]))
}

fn are_lists_of(fields: &[&str], ranges: &[RangeInclusive<u32>]) -> bool {
    fields.iter().zip(ranges).all(|(field, range)| is_list(field, range))
}

/// `*`, `*/STEP`, or a list of `N`, `N..M`, `N/STEP` and `N..M/STEP`. A step is below the number of values.
fn is_list(text: &str, range: &RangeInclusive<u32>) -> bool {
    let is_value = |text: &str| number(text).is_some_and(|n| range.contains(&n));
    let is_step = |text: &str| number(text).is_some_and(|n| (1..=*range.end()).contains(&n));
    if let Some(rest) = text.strip_prefix('*') {
        return rest.is_empty() || rest.strip_prefix('/').is_some_and(is_step);
    }
    text.split(',').all(|item| {
        let (values, step) = item.split_once('/').map_or((item, None), |(values, step)| (values, Some(step)));
        let (first, last) = values.split_once("..").unwrap_or((values, values));
        is_value(first) && is_value(last) && number(first) <= number(last) && step.is_none_or(is_step)
    })
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_the_scheduler_accepts() {
        for text in [
            "*/15",
            "30/10",
            "*:0/5",
            "8:00/15",
            "12/2:5",
            "mon..fri 22",
            "sat *-1..7 15:00",
            "2015-10-21",
            "*-*-1 03:00",
            "daily",
            "mon",
            "Monday",
            "sat..mon",
            "mon,wed..fri 8:30:00",
            "mon..fri 8..17,22:0/15",
            "sat  2:30",
            "22:30",
            "0,15,30,45",
            "*/30",
            "*:*",
            // Minutes and seconds of every hour.
            "25:00",
            "0/24:00",
        ] {
            assert!(text.parse::<Schedule>().is_ok() && text.parse::<BackupSchedule>().is_ok(), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            " ",
            "foo",
            "25:00:00",
            "25:60",
            "61",
            "8:61",
            "mon tue 8:00",
            "every day",
            "1:2:3:4",
            "*/x",
            // A step of nothing, and one that leaves the hour.
            "*/0",
            "0/0",
            "8:0/0",
            "*/60",
            "0/60:00",
            // `*` is not combined with others.
            "*,5",
            "0,*/15",
            "*..5",
            "8..5:00",
            "5..",
            "..5",
            "1,",
            "",
            "13-1",
            "0-1",
            "1-32",
            "1-2-3-4",
            "first monday",
            "mon-fri 22:00",
            "tues",
            "monkey",
            "mon..",
            "mon,",
            "biannually",
            "0 2 * * *",
            "@daily",
            "22:00 mon",
        ] {
            assert!(text.parse::<Schedule>().is_err() && text.parse::<BackupSchedule>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_without_a_valid_hour_has_minutes_and_seconds() {
        for (text, time) in [("25:00", "25:00"), ("mon..fri 30:15", "30:15"), ("*-1..7 0/24:00", "0/24:00")] {
            assert_eq!(BackupSchedule::minutes_and_seconds(text), Some(time));
        }
        for text in ["22:00", "*:25", "25", "*/15", "mon 8..17:00", "23:59:59", "daily", "25:99", "mon"] {
            assert_eq!(BackupSchedule::minutes_and_seconds(text), None, "{text}");
        }
    }

    #[test]
    fn an_event_has_128_characters_at_most() {
        let of = |length: usize| "0,".repeat((length - 2) / 2) + "10";
        assert!(of(128).parse::<BackupSchedule>().is_ok() && of(130).parse::<BackupSchedule>().is_err());
        // A backup job has no default schedule.
        assert!(!"".parse::<BackupSchedule>().unwrap_err().0.contains("default"));
    }

    #[test]
    fn blanks_around_are_refused_with_what_to_write() {
        for text in [" 22:00", "22:00 ", "\t22:00", "22:00\n"] {
            let refusal = text.parse::<Schedule>().unwrap_err().0;
            assert!(refusal.contains("\"22:00\""), "{refusal}");
        }
    }
}
