//! Reads calendar events as Proxmox's parser reads them.

use std::collections::BTreeSet;

use super::CalendarEvent;
use super::component::List;

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The named events of systemd, as `daily`.
const SPECIAL: [(&str, &str); 11] = [
    ("minutely", "*:*:0"),
    ("hourly", "*:0"),
    ("daily", "0:0"),
    ("weekly", "mon 0:0"),
    ("monthly", "*-1 0:0"),
    ("quarterly", "1,4,7,10-1 0:0"),
    ("semiannually", "1,7-1 0:0"),
    ("semi-annually", "1,7-1 0:0"),
    ("yearly", "1-1 0:0"),
    ("annually", "1-1 0:0"),
    ("anually", "1-1 0:0"),
];

impl CalendarEvent {
    /// Reads an event.
    ///
    /// # Errors
    /// Proxmox's complaint.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("unable to parse calendar event - event is empty".to_owned());
        }
        let lower = text.trim().to_ascii_lowercase();
        let event = SPECIAL.iter().find(|(name, _)| *name == lower).map_or(lower.as_str(), |(_, event)| event);
        parse_words(event).map_err(|why| format!("unable to parse calendar event at '{}' - {why}", text.trim()))
    }
}

fn parse_words(text: &str) -> Result<CalendarEvent, String> {
    let mut words = text.split_whitespace().peekable();
    // What isn't said is midnight of every day.
    let mut event =
        CalendarEvent { hours: List::only(0), minutes: List::only(0), seconds: List::only(0), ..<_>::default() };
    if let Some(word) = words.next_if(|word| word.starts_with(|c: char| c.is_ascii_alphabetic())) {
        event.weekdays = weekdays(word)?;
    }
    if let Some(word) = words.next_if(|word| word.contains('-')) {
        set_date(&mut event, word)?;
    }
    if let Some(word) = words.next() {
        set_time(&mut event, word)?;
    }
    match words.next() {
        Some(rest) => Err(format!("unexpected trailing data at '{rest}'")),
        None => Ok(event),
    }
}

fn weekdays(text: &str) -> Result<BTreeSet<i8>, String> {
    let mut days = BTreeSet::new();
    for item in text.split(',') {
        let (first, last) = item.split_once("..").unwrap_or((item, item));
        let (mut day, last) = (weekday(first)?, weekday(last)?);
        while day != last {
            days.insert(day);
            day = (day + 1) % 7;
        }
        days.insert(last);
    }
    Ok(days)
}

fn weekday(text: &str) -> Result<i8, String> {
    let found = (0..).zip(WEEKDAYS).find(|(_, name)| *name == text || (text.len() == 3 && name.starts_with(text)));
    found.map(|(day, _)| day).ok_or_else(|| format!("weekday expected at '{text}'"))
}

fn set_date(event: &mut CalendarEvent, text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split('-').collect();
    let (month, day) = match parts[..] {
        [year, month, day] => {
            event.years = List::parse(year, (1970, 2199))?;
            (month, day)
        }
        [month, day] => (month, day),
        _ => return Err(format!("date expected at '{text}'")),
    };
    event.months = List::parse(month, (1, 12))?;
    event.days = List::parse(day, (1, 31))?;
    Ok(())
}

/// `[HOURS:]MINUTES[:SECONDS]`. Impossible hours are left out: `25:00` is the minute 25 and the second 0 of every hour.
fn set_time(event: &mut CalendarEvent, text: &str) -> Result<(), String> {
    const MINUTES: (u32, u32) = (0, 59);
    let parts: Vec<&str> = text.split(':').collect();
    let hours = match parts[..] {
        [hours, _] | [hours, _, _] => List::parse(hours, (0, 23)).ok(),
        _ => None,
    };
    let (hours, rest) = match hours {
        Some(hours) => (hours, &parts[1..]),
        None => (List::default(), &parts[..]),
    };
    let (minutes, seconds) = match rest {
        [minutes] => (minutes, None),
        [minutes, seconds] => (minutes, Some(seconds)),
        _ => return Err(format!("time expected at '{text}'")),
    };
    event.hours = hours;
    event.minutes = List::parse(minutes, MINUTES)?;
    if let Some(seconds) = seconds {
        event.seconds = List::parse(seconds, MINUTES)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_name_the_event() {
        let complaint = |text: &str| CalendarEvent::parse(text).unwrap_err();
        assert_eq!(complaint("bogus"), "unable to parse calendar event at 'bogus' - weekday expected at 'bogus'");
        assert_eq!(complaint("111"), "unable to parse calendar event at '111' - value out of range (0..59)");
        assert_eq!(complaint(" "), "unable to parse calendar event - event is empty");
        assert!(
            [
                "1:2:3:4", "mon 1 2", "25:00:00", "25:60", "a:00", "13-1 0:0", "*/0", "*/60", "*,5", "8..5", "a..b",
                "1-2-3-4"
            ]
            .iter()
            .all(|t| CalendarEvent::parse(t).is_err())
        );
    }

    #[test]
    fn weekday_ranges_may_wrap() {
        assert_eq!(weekdays("sat..mon,wed"), Ok(BTreeSet::from([0, 2, 5, 6])));
    }
}
