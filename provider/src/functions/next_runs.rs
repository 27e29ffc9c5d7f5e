use jiff::fmt::temporal::Pieces;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, civil::DateTime};
use pve_schemas::function::NextRuns;

use super::Compute;
use crate::framework::Refusal;

impl Compute for NextRuns {
    fn compute(&self) -> Result<Vec<String>, Refusal> {
        let malformed = |_| Refusal::of(2, "is no time");
        let from: Timestamp = self.from.parse().map_err(malformed)?;
        let pieces = Pieces::parse(&self.from).map_err(malformed)?;
        let clock = Clock { offset: pieces.to_numeric_offset().unwrap_or(Offset::UTC) };
        let Some(event) = self.schedule.event() else { return Err(Refusal::of(0, "is no calendar event")) };
        let runs = std::iter::successors(Some(clock.shown_at(from)), |last| event.next_after(*last));
        let count = usize::try_from(self.count).unwrap_or_default();
        runs.skip(1).take(count).map(|run| clock.text(run)).collect()
    }
}

/// A clock that is never changed.
struct Clock {
    offset: Offset,
}

impl Clock {
    fn shown_at(&self, time: Timestamp) -> DateTime {
        self.offset.to_datetime(time)
    }

    fn text(&self, shown: DateTime) -> Result<String, Refusal> {
        let time = TimeZone::fixed(self.offset).to_timestamp(shown);
        let time = time.map_err(|_| Refusal::of(2, "is too late: a run is out of the range of times"))?;
        let is_utc = self.offset == Offset::UTC;
        Ok(if is_utc { time.to_string() } else { time.display_with_offset(self.offset).to_string() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::testing::{call, refused};
    use super::*;

    fn runs(schedule: &str, count: i64, from: &str) -> Json {
        call::<NextRuns>(&[json!(schedule), json!(count), json!(from)]).unwrap()
    }

    #[test]
    fn times_have_the_offset_of_the_first() {
        let expected = json!(["2026-11-27T22:00:00Z", "2026-11-30T22:00:00Z"]);
        assert_eq!(runs("mon..fri 22:00", 2, "2026-11-27T08:00:00Z"), expected);
        let expected = json!(["2026-11-27T22:00:00+01:00"]);
        assert_eq!(runs("22:00", 1, "2026-11-27T08:00:00.5+01:00"), expected);
        // 23:00 in UTC is the next day there.
        assert_eq!(runs("fri 1:00", 1, "2026-11-26T23:30:00Z"), json!(["2026-11-27T01:00:00Z"]));
        assert_eq!(runs("fri 1:00", 1, "2026-11-27T01:30:00+02:00"), json!(["2026-12-04T01:00:00+02:00"]));
    }

    #[test]
    fn the_time_itself_is_not_one_of_the_next() {
        assert_eq!(runs("*/15", 1, "2026-11-27T08:00:00Z"), json!(["2026-11-27T08:15:00Z"]));
    }

    #[test]
    fn an_event_that_ends_has_fewer() {
        assert_eq!(runs("2027-1-1 0:00", 5, "2026-11-27T08:00:00Z"), json!(["2027-01-01T00:00:00Z"]));
        assert_eq!(runs("2015-10-21", 5, "2026-11-27T08:00:00Z"), json!([]));
    }

    #[test]
    fn the_end_of_all_times_is_no_crash() {
        for (schedule, count) in [("daily", 3), ("minutely", 1000)] {
            let (argument, text) = refused::<NextRuns>(&[json!(schedule), json!(count), json!("9999-12-30T21:00:00Z")]);
            assert_eq!((argument, text.starts_with("is too late")), (Some(2), true), "{text}");
        }
    }

    #[test]
    fn each_argument_has_its_error() {
        let time = "2026-11-27T08:00:00Z";
        for (schedule, count, from, argument, problem) in [
            ("every day", 1, time, 0, "must be a calendar event of Proxmox"),
            ("", 1, time, 0, "must not be empty"),
            ("daily", 0, time, 1, "must be at least 1"),
            ("daily", 1001, time, 1, "must be at most 1000"),
            ("daily", 1, "2026-11-27", 2, "must be a time with its offset"),
            ("daily", 1, "2026-11-27T08:00:00", 2, "must be a time with its offset"),
            ("daily", 1, "now", 2, "must be a time with its offset"),
        ] {
            let (at, text) = refused::<NextRuns>(&[json!(schedule), json!(count), json!(from)]);
            assert_eq!(at, Some(argument), "{text}");
            assert!(text.contains(problem), "{text}");
        }
    }
}
