//! Five cron fields, as Argo CD reads them (robfig/cron v3, `parser.go` and `spec.go`, without descriptors): lists,
//! ranges, steps, names of months and days; day of month and day of week both count where neither is `*`.

use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, ToSpan};

/// Argo CD gives up on a schedule that does not come around within so many years.
const YEARS: i16 = 5;
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// One field: its members, and whether it said `*` or `?`.
#[derive(Clone, Copy, Debug, Default)]
struct Field {
    members: u64,
    is_any: bool,
}

impl Field {
    fn has(self, number: i8) -> bool {
        u32::try_from(number)
            .ok()
            .and_then(|number| self.members.checked_shr(number))
            .is_some_and(|bits| bits & 1 == 1)
    }
}

/// A schedule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cron {
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
}

impl Cron {
    /// Reads five fields; the error is a sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("empty spec string".to_owned());
        }
        if text.starts_with('@') {
            return Err(format!("parser does not accept descriptors: {text}"));
        }
        if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
            return Err(format!("a time zone inside of a schedule is not supported (use timeZone): {text}"));
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return Err(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
        };
        Ok(Self {
            minutes: field(minutes, 0, 59, &[])?,
            hours: field(hours, 0, 23, &[])?,
            days: field(days, 1, 31, &[])?,
            months: field(months, 1, 12, &MONTHS)?,
            weekdays: field(weekdays, 0, 6, &DAYS)?,
        })
    }

    /// The first time after `time`; `None` when there is none for years.
    pub(super) fn next(&self, time: DateTime) -> Option<DateTime> {
        let begin = next_minute(time)?;
        let mut date = begin.date();
        let last = time.year().checked_add(YEARS)?;
        while date.year() <= last {
            if self.has_day(date) {
                let earliest = if date == begin.date() { begin.time() } else { Time::midnight() };
                if let Some(found) = self.time(earliest) {
                    return Some(date.to_datetime(found));
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn has_day(&self, date: jiff::civil::Date) -> bool {
        let (day, weekday) =
            (self.days.has(date.day()), self.weekdays.has(date.weekday().to_sunday_zero_offset()));
        let fits = if self.days.is_any || self.weekdays.is_any { day && weekday } else { day || weekday };
        self.months.has(date.month()) && fits
    }

    fn time(&self, earliest: Time) -> Option<Time> {
        (earliest.hour()..24).filter(|hour| self.hours.has(*hour)).find_map(|hour| {
            let from = if hour == earliest.hour() { earliest.minute() } else { 0 };
            let minute = (from..60).find(|minute| self.minutes.has(*minute))?;
            Time::new(hour, minute, 0, 0).ok()
        })
    }
}

/// The first whole minute after `time`.
fn next_minute(time: DateTime) -> Option<DateTime> {
    let whole = time.with().second(0).subsec_nanosecond(0).build().ok()?;
    whole.checked_add(1.minute()).ok()
}

fn field(text: &str, min: u64, max: u64, names: &[&str]) -> Result<Field, String> {
    let mut field = Field::default();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let found = range(part, min, max, names)?;
        field.members |= found.members;
        field.is_any |= found.is_any;
    }
    Ok(field)
}

/// `*`, `N`, `N-M`, each with `/STEP`.
fn range(text: &str, min: u64, max: u64, names: &[&str]) -> Result<Field, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let bounds: Vec<&str> = parts.first().copied().unwrap_or_default().split('-').collect();
    let is_any = matches!(bounds.first(), Some(&("*" | "?")));
    let number = |text: &str| named(text, names, min).map_or_else(|| integer(text), Ok);
    let (start, mut end) = match bounds.as_slice() {
        _ if is_any => (min, max),
        [one] => (number(one)?, number(one)?),
        [low, high] => (number(low)?, number(high)?),
        _ => return Err(format!("too many hyphens: {text}")),
    };
    let step = match parts.as_slice() {
        [_] => 1,
        [_, step] => {
            let step = integer(step)?;
            if bounds.len() == 1 {
                end = max;
            }
            step
        }
        _ => return Err(format!("too many slashes: {text}")),
    };
    if start < min {
        return Err(format!("beginning of range ({start}) below minimum ({min}): {text}"));
    }
    if end > max {
        return Err(format!("end of range ({end}) above maximum ({max}): {text}"));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {text}"));
    }
    let Some(step) = usize::try_from(step).ok().filter(|step| *step > 0) else {
        return Err(format!("step of range should be a positive number: {text}"));
    };
    let members = (start..=end).step_by(step).fold(0, |bits, number| bits | 1 << number);
    Ok(Field { members, is_any: is_any && step == 1 })
}

/// The number that a name stands for: the names begin with `min`.
fn named(text: &str, names: &[&str], min: u64) -> Option<u64> {
    let position = names.iter().position(|name| name.eq_ignore_ascii_case(text))?;
    u64::try_from(position).ok()?.checked_add(min)
}

fn integer(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("failed to parse int from {text}"))
}

/// A Go duration (`1h30m`, `1.5h`, `90s`), as `time.ParseDuration` reads it.
pub(super) fn duration(text: &str) -> Result<SignedDuration, String> {
    let is_go = !text.is_empty()
        && text.chars().all(|c| c.is_ascii_digit() || ".hmsuµn+-".contains(c))
        && text.ends_with(['h', 'm', 's']);
    match text {
        "0" => Ok(SignedDuration::ZERO),
        _ if is_go => text.parse().map_err(|_| format!("time: invalid duration {text:?}")),
        _ => Err(format!("time: invalid duration {text:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// Results of robfig/cron for the same lines.
    #[rstest]
    #[case::every_minute("* * * * *", "2026-01-01T00:00:30", "2026-01-01T00:01:00")]
    #[case::exactly_on_it("0 0 * * *", "2026-01-01T00:00:00", "2026-01-02T00:00:00")]
    #[case::just_before("0 0 * * *", "2026-01-01T23:59:59", "2026-01-02T00:00:00")]
    #[case::step("*/15 * * * *", "2026-01-01T00:31:00", "2026-01-01T00:45:00")]
    #[case::step_from("5/20 * * * *", "2026-01-01T00:31:00", "2026-01-01T00:45:00")]
    #[case::range("0 9-17 * * *", "2026-01-01T18:00:00", "2026-01-02T09:00:00")]
    #[case::list("0 6,18 * * *", "2026-01-01T06:00:00", "2026-01-01T18:00:00")]
    #[case::names("0 0 * JUN mon-FRI", "2026-01-01T00:00:00", "2026-06-01T00:00:00")]
    #[case::weekday_or_day("0 0 13 * 5", "2026-01-01T00:00:00", "2026-01-02T00:00:00")]
    #[case::weekday_and_star("0 0 * * 5", "2026-01-03T00:00:00", "2026-01-09T00:00:00")]
    #[case::question_mark("0 0 ? * 0", "2026-01-01T00:00:00", "2026-01-04T00:00:00")]
    /// A stepped star is no star: one of the two days is enough.
    #[case::stepped_star("0 0 */10 * 1", "2026-01-01T00:00:00", "2026-01-05T00:00:00")]
    #[case::leap_day("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00")]
    fn the_next_time(#[case] schedule: &str, #[case] after: &str, #[case] expected: &str) {
        let next = Cron::parse(schedule).unwrap().next(after.parse().unwrap());
        assert_eq!(next, Some(expected.parse().unwrap()));
    }

    #[test]
    fn a_day_that_never_comes() {
        assert_eq!(Cron::parse("0 0 30 2 *").unwrap().next("2026-01-01T00:00:00".parse().unwrap()), None);
    }

    #[rstest]
    #[case("", "empty spec string")]
    #[case("@daily", "descriptors")]
    #[case("TZ=UTC * * * * *", "time zone")]
    #[case("* * * *", "expected exactly 5 fields, found 4")]
    #[case("60 * * * *", "end of range (60) above maximum (59): 60")]
    #[case("5-1 * * * *", "beyond end of range")]
    #[case("1-2-3 * * * *", "too many hyphens")]
    #[case("*/1/2 * * * *", "too many slashes")]
    #[case("*/0 * * * *", "step of range should be a positive number")]
    #[case("* * 0 * *", "below minimum")]
    #[case("* * * * 7", "above maximum")]
    #[case("a * * * *", "failed to parse int from a")]
    fn what_is_no_schedule(#[case] schedule: &str, #[case] expected: &str) {
        let error = Cron::parse(schedule).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[rstest]
    #[case("1h", Some(3600))]
    #[case("1h30m", Some(5400))]
    #[case("1.5h", Some(5400))]
    #[case("90s", Some(90))]
    #[case("0", Some(0))]
    #[case("-1m", Some(-60))]
    #[case("", None)]
    #[case("1", None)]
    #[case("1d", None)]
    #[case("1 h", None)]
    fn durations(#[case] text: &str, #[case] seconds: Option<i64>) {
        assert_eq!(duration(text).ok(), seconds.map(SignedDuration::from_secs));
    }
}
