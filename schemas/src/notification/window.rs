//! The hours of `match-calendar`: `[DAYS ]HH[:MM]-HH[:MM]`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::value::Malformed;

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MINUTES_OF_A_DAY: u16 = 24 * 60;

/// A minute of the week, in local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minute {
    day: u8,
    minute: u16,
}

impl Minute {
    /// The first minute of each day.
    pub fn midnights() -> impl Iterator<Item = Self> {
        (0..7).map(|day| Self { day, minute: 0 })
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = DAYS.get(usize::from(self.day)).copied().unwrap_or_default();
        write!(f, "{} {:02}:{:02}", name.get(..3).unwrap_or_default(), self.minute / 60, self.minute % 60)
    }
}

/// The minutes of a week in which a matcher applies: the same hours on each of some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Empty means every day.
    days: BTreeSet<u8>,
    start: u16,
    end: u16,
}

impl Window {
    /// Whether it contains a minute. The end counts: no window can end later than 23:59, and `0-23:59` means the whole day.
    #[must_use]
    pub fn contains(&self, at: Minute) -> bool {
        let is_day = self.days.is_empty() || self.days.contains(&at.day);
        is_day && (self.start..=self.end).contains(&at.minute)
    }

    /// The minutes with which it begins, and those after its end: between two of them nothing changes.
    pub fn edges(&self) -> impl Iterator<Item = Minute> {
        let minutes = [self.start, self.end + 1].into_iter().filter(|minute| *minute < MINUTES_OF_A_DAY);
        minutes.flat_map(|minute| (0..7).map(move |day| Minute { day, minute }))
    }
}

impl FromStr for Window {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let demand = || {
            Malformed(
                "must be hours with optional days before them, such as 8-17, mon..fri 8:00-17:30 or sat,sun 0-23:59"
                    .to_owned(),
            )
        };
        let (days, hours) = match text.trim().rsplit_once(' ') {
            Some((days, hours)) => (days.trim(), hours),
            None => ("", text.trim()),
        };
        if days.contains('-') {
            return Err(Malformed(format!("must have `..` between the days, such as {:?}", days.replace('-', ".."))));
        }
        let days = if days.is_empty() { Some(BTreeSet::new()) } else { weekdays(days) };
        let (start, end) = hours.split_once('-').ok_or_else(demand)?;
        let (Some(days), Some(start), Some(end)) = (days, minute(start), minute(end)) else { return Err(demand()) };
        if start > end {
            return Err(Malformed(
                "must not end before it starts; for hours across midnight set two matchers, or two elements with \
                 mode = \"any\""
                    .to_owned(),
            ));
        }
        Ok(Self { days, start, end })
    }
}

/// `mon`, `mon..fri`, `sat,sun`, in any case; a range may go past Sunday.
fn weekdays(text: &str) -> Option<BTreeSet<u8>> {
    let mut all = BTreeSet::new();
    for item in text.split(',') {
        let (first, last) = item.split_once("..").unwrap_or((item, item));
        let (first, last) = (weekday(first)?, weekday(last)?);
        let length = (last + 7 - first) % 7;
        all.extend((0..=length).map(|step| (first + step) % 7));
    }
    Some(all)
}

fn weekday(text: &str) -> Option<u8> {
    let text = text.to_ascii_lowercase();
    let day = DAYS.iter().position(|name| text == *name || Some(text.as_str()) == name.get(..3))?;
    u8::try_from(day).ok()
}

/// `H`, `HH` or `HH:MM`, as the minute of the day.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':').unwrap_or((text, "0"));
    let number = |text: &str| -> Option<u16> {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(text: &str) -> Window {
        text.parse().unwrap()
    }

    #[test]
    fn takes_what_proxmox_takes() {
        for text in ["8-12", "8:00-15:30", "mon..fri 9-17", "sat,sun 22-23:15", "8-8", "fri..mon 8-9", "Mon 8-9"] {
            assert!(text.parse::<Window>().is_ok(), "{text}");
        }
    }

    #[test]
    fn refuses_what_proxmox_refuses() {
        for text in [
            "",
            "9",
            "mon",
            "25-26",
            "0-24",
            "8:60-9",
            "22:00-6:00",
            "funday 8-9",
            "mon-fri 9-17",
            "sun,tue-wed,fri 9-17",
            "MON-FRI 08:00-09:00",
            "mon 8-12, tue 9-10",
            "8-12 9-10",
        ] {
            assert!(text.parse::<Window>().is_err(), "{text}");
        }
        let problem = "mon-fri 9-17".parse::<Window>().unwrap_err();
        assert!(problem.0.contains("mon..fri"), "{}", problem.0);
    }

    #[test]
    fn contains_its_minutes_on_its_days_only() {
        let weekend = window("sat,sun 22-23:15");
        let at = |day, minute| Minute { day, minute };
        assert!(weekend.contains(at(5, 22 * 60)) && weekend.contains(at(6, 23 * 60 + 14)));
        assert!(!weekend.contains(at(5, 23 * 60 + 16)) && !weekend.contains(at(4, 22 * 60)));
        let over = window("fri..mon 0-23:59");
        assert_eq!(Minute::midnights().filter(|at| over.contains(*at)).count(), 4);
        assert!(window("8-8").contains(at(0, 8 * 60)) && !window("8-8").contains(at(0, 8 * 60 + 1)));
    }
}
