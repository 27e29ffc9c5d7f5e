//! Calendar events of Proxmox's scheduler.

use std::sync::LazyLock;

use regex_lite::Regex;

use super::parsed::parsed;

parsed! {
    /// When something runs: `[WEEKDAY] [[YEAR-]MONTH-DAY] [HH:MM[:SS]]`, such as `*/15`, `mon..fri 22:00` or `daily`.
    Schedule, "pve-calendar-event", |text| {
        if text.chars().count() > 128 {
            return Err("must be at most 128 characters long".to_owned());
        }
        if text.trim().is_empty() {
            return Err("must not be empty; for the default write */15".to_owned());
        }
        if is_calendar_event(text) {
            return Ok(());
        }
        Err("must be a calendar event of Proxmox: [WEEKDAY] [[YEAR-]MONTH-DAY] [HH:MM[:SS]], such as */15, mon..fri 22:00, \
             sat *-1..7 15:00 or daily".to_owned())
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
    "quarterly",
    "semiannually",
    "semi-annually",
    "biannually",
];

/// The grammar of one part, without ranges of values.
static PART: LazyLock<[Regex; 3]> = LazyLock::new(|| {
    let day = "(mon|tue|wed|thu|fri|sat|sun)[a-z]*";
    let days = format!(r"(?i)^{day}(\.\.{day})?(,{day}(\.\.{day})?)*$");
    let one = r"(\*|\d+(\.\.\d+)?)?(/\d+)?";
    let list = format!(r"{one}(,{one})*");
    let date = format!(r"^({list}-)?{list}-{list}$");
    let time = format!(r"^({list}:)?{list}(:{list})?$");
    [days, date, time].map(|pattern| Regex::new(&pattern).expect("the patterns are constant and compile"))
});

fn is_calendar_event(text: &str) -> bool {
    let text = text.trim();
    if SPECIALS.contains(&text.to_lowercase().as_str()) {
        return true;
    }
    let mut parts: Vec<&str> = text.split_whitespace().collect();
    let [days, date, time] = &*PART;
    if parts.first().is_some_and(|part| days.is_match(part)) {
        parts.remove(0);
    }
    if parts.first().is_some_and(|part| part.contains('-') && date.is_match(part)) {
        parts.remove(0);
    }
    match parts.as_slice() {
        [] => true,
        [part] => time.is_match(part) && in_range(part),
        _ => false,
    }
}

/// Hours below 24, minutes and seconds below 60. A lone number is minutes.
fn in_range(time: &str) -> bool {
    let fields: Vec<&str> = time.split(':').collect();
    let limits: &[u32] = if fields.len() == 1 { &[60] } else { &[24, 60, 60] };
    fields.iter().zip(limits).all(|(field, limit)| {
        let numbers = field.split(',').flat_map(|one| one.split('/').next().unwrap_or("").split(".."));
        numbers.filter(|n| !n.is_empty() && *n != "*").all(|n| n.parse::<u32>().is_ok_and(|n| n < *limit))
    })
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
            "daily",
            "mon",
            "mon,wed..fri 8:30:00",
            "22:30",
            "0,15,30,45",
            "*/30",
        ] {
            assert!(text.parse::<Schedule>().is_ok(), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in ["", " ", "foo", "25:00", "61", "8:61", "mon tue 8:00", "every day", "1:2:3:4", "*/x"] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
    }
}
