//! Calendar events of Proxmox's scheduler.

use super::calendar::CalendarEvent;
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
    if CalendarEvent::parse(text).is_some() {
        return Ok(());
    }
    Err("must be a calendar event of Proxmox: [WEEKDAY] [[YEAR-]MONTH-DAY] [HH:MM[:SS]], such as */15, mon..fri 22:00, \
         sat *-1..7 15:00 or daily"
        .to_owned())
}

impl Schedule {
    /// The event, whose times can be computed.
    #[must_use]
    pub fn event(&self) -> Option<CalendarEvent> {
        CalendarEvent::parse(&self.0)
    }
}

impl BackupSchedule {
    /// The time of an event whose two parts are minutes and seconds of every hour, since the first one is no hour: `25:00`.
    pub fn minutes_and_seconds(text: &str) -> Option<&str> {
        let time = text.split_whitespace().next_back().filter(|time| time.matches(':').count() == 1)?;
        let (first, _) = time.split_once(':')?;
        (CalendarEvent::parse(text).is_some() && !CalendarEvent::are_hours(first)).then_some(time)
    }
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
