//! `match-calendar`: a part of the day, on all days or on some: `8-12`, `mon..fri 8:00-17:30`, `sat,sun 22-23:15`.
//!
//! The grammar is that of `proxmox-time`, which has no range of days with a hyphen, although the manual shows one.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// From a minute of the day until another one, which is not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DailyDuration {
    /// 0 = Monday; all days if it is empty.
    days: Vec<i8>,
    start: u16,
    end: u16,
}

/// The rest of a text, and what was found before.
type Parsed<'t, T> = Result<(&'t str, T), String>;

impl DailyDuration {
    /// # Errors
    /// The complaint, whose part after ` - ` differs from the original.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text;
        let mut days = Vec::new();
        if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            (rest, days) = weekdays(rest)?;
            rest = rest.trim_start_matches([' ', '\t']);
        }
        let (after, start) = time(rest)?;
        let after = after.trim_start_matches([' ', '\t']);
        let end_text = after.strip_prefix('-').ok_or_else(|| complaint(after, "'-' expected"))?;
        let end_text = end_text.trim_start_matches([' ', '\t']);
        let (rest, end) = time(end_text)?;
        if start > end {
            return Err(complaint(end_text, "end time before start time"));
        }
        if !rest.is_empty() {
            return Err(complaint(rest, "end expected"));
        }
        Ok(Self { days, start, end })
    }

    /// Whether it is that time. The clocks of the nodes show UTC.
    pub(super) fn contains(&self, epoch: i64) -> bool {
        let Ok(time) = Timestamp::from_second(epoch).map(|time| time.to_zoned(TimeZone::UTC)) else { return false };
        let minute = u16::try_from(i16::from(time.hour()) * 60 + i16::from(time.minute())).unwrap_or(0);
        let day = time.weekday().to_monday_zero_offset();
        (self.days.is_empty() || self.days.contains(&day)) && (self.start..self.end).contains(&minute)
    }
}

fn complaint(rest: &str, why: &str) -> String {
    format!("unable to parse daily duration at '{rest}' - {why}")
}

fn weekdays(text: &str) -> Parsed<'_, Vec<i8>> {
    let mut days = Vec::new();
    let mut rest = text;
    loop {
        let (after, first) = weekday(rest)?;
        let (after, last) = match after.strip_prefix("..").map(weekday) {
            Some(Ok((after, last))) => (after, last),
            _ => (after, first),
        };
        // A range may go round the end of the week.
        days.extend(
            (0..7).map(|step| (first + step) % 7).take(usize::try_from((last - first).rem_euclid(7)).unwrap_or(0) + 1),
        );
        // The comma belongs to the list only if another day follows.
        match after.strip_prefix(',').map(|next| weekday(next).map(|_| next)) {
            Some(Ok(next)) => rest = next,
            _ => return Ok((after, days)),
        }
    }
}

fn weekday(text: &str) -> Parsed<'_, i8> {
    let length = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (word, rest) = text.split_at(length);
    let lower = word.to_ascii_lowercase();
    let found = (0..).zip(DAYS).find(|(_, day)| *day == lower || (lower.len() == 3 && day.starts_with(&lower)));
    found.map(|(day, _)| (rest, day)).ok_or_else(|| complaint(word, "weekday"))
}

/// `HH[:MM]` in minutes.
fn time(text: &str) -> Parsed<'_, u16> {
    let (rest, hour) = number(text, 24)?;
    let minute = rest.strip_prefix(':').map(|minutes| number(minutes, 60));
    let (rest, minute) = match minute {
        Some(Ok(found)) => found,
        _ => (rest, 0),
    };
    Ok((rest, hour * 60 + minute))
}

fn number(text: &str, below: u16) -> Parsed<'_, u16> {
    let length = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(length);
    if digits.is_empty() {
        return Err(complaint(rest, "digit expected"));
    }
    let value = digits.parse().ok().filter(|value| *value < below);
    value.map(|value| (rest, value)).ok_or_else(|| complaint(rest, "time value too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_days_has_two_dots() {
        for text in ["8-12", "mon..fri 9-17", "8:00-15:30", "8-8", "sat,sun 22-23:15", "Monday 0-1", "fri..mon 8-9"] {
            assert!(DailyDuration::parse(text).is_ok(), "{text}");
        }
        for (text, rest) in [
            ("mon-fri 9-17", "-fri 9-17"),
            ("sun,tue-wed,fri 9-17", "-wed,fri 9-17"),
            ("22:00-6:00", "6:00"),
            ("mon", ""),
            ("9", ""),
            ("25-26", "-26"),
            ("funday 8-9", "funday"),
            ("8:60-9", ":60-9"),
            ("mon 8-12, tue 9-10", ", tue 9-10"),
        ] {
            let refused = DailyDuration::parse(text).unwrap_err();
            assert!(
                refused.starts_with(&format!("unable to parse daily duration at '{rest}' - ")),
                "{text}: {refused}"
            );
        }
    }

    #[test]
    fn the_end_is_not_part_of_it() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        let is = |duration: &str, time: &str| DailyDuration::parse(duration).unwrap().contains(at(time));
        // The 28th of November 2026 is a Saturday.
        assert!(is("8-12", "2026-11-28T08:00:00Z") && is("8-12", "2026-11-28T11:59:59Z"));
        assert!(!is("8-12", "2026-11-28T07:59:59Z") && !is("8-12", "2026-11-28T12:00:00Z"));
        assert!(!is("mon..fri 8-12", "2026-11-28T09:00:00Z") && is("fri..mon 8-12", "2026-11-28T09:00:00Z"));
        assert!(!is("8-8", "2026-11-28T08:00:00Z"));
    }
}
