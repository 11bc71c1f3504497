//! When changes may be delivered, in the words and the cron lines of Renovate.
//!
//! Source: docs.renovatebot.com, the option `schedule` and "Renovate scheduling"; crontab(5) for days of the month beside weekdays.

use crate::time::Timestamp;

/// A time at which changes may be delivered, in UTC.
///
/// In words: `before 6am`, `after 10pm and before 5am`, `every weekday`, `every weekend`, `on monday and thursday`,
/// `on the first day of the month`, and these together; `at any time`. As a cron line: `* 0-3 * * 1`, whose minutes are `*`.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::{rules::Schedule, time::Timestamp};
/// let schedule = Schedule::parse("after 10pm and before 5am every weekday")?;
/// let [friday, saturday] = ["2026-08-21T23:00:00Z", "2026-08-22T23:00:00Z"].map(|text| Timestamp::parse(text).unwrap());
/// assert!(schedule.admits(friday) && !schedule.admits(saturday));
/// assert_eq!(Schedule::parse("on moonday").unwrap_err().to_string(), "`on moonday` is no schedule: `moonday` is not understood");
/// # Ok::<(), flux_upgrade_core::rules::ScheduleError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Minutes of the day from which and before which; a first one that is later goes over midnight.
    after: Option<u16>,
    before: Option<u16>,
    hours: u32,
    days: u32,
    /// Whether the last day of each month counts beside `days`.
    last_day: bool,
    months: u16,
    /// From Sunday on.
    weekdays: u8,
}

/// A text that is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no schedule: `{part}` is not understood")]
pub struct ScheduleError {
    found: String,
    part: String,
}

const ALL_HOURS: u32 = 0x00ff_ffff;
const ALL_DAYS: u32 = 0xffff_fffe;
const ALL_MONTHS: u16 = 0x1ffe;
const ALL_WEEKDAYS: u8 = 0x7f;
const WEEKEND: u8 = 0x41;
const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl Schedule {
    const ALWAYS: Self = Self {
        after: None,
        before: None,
        hours: ALL_HOURS,
        days: ALL_DAYS,
        last_day: false,
        months: ALL_MONTHS,
        weekdays: ALL_WEEKDAYS,
    };

    /// Reads a schedule; upper and lower case are the same.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] with the first part that is not understood.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let lower = text.to_ascii_lowercase();
        let words: Vec<&str> =
            lower.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()).collect();
        let is_cron = lower.starts_with(|c: char| c == '*' || c.is_ascii_digit());
        let read = if is_cron { cron(lower.split_whitespace()) } else { in_words(&words) };
        read.map_err(|part| ScheduleError { found: text.to_owned(), part })
    }

    /// Whether it is time.
    #[must_use]
    pub fn admits(&self, now: Timestamp) -> bool {
        let at = now.civil();
        let bit = |number: u32, bits: u32| bits >> number & 1 == 1;
        let on_day = bit(at.day, self.days) || (self.last_day && at.is_last_day);
        let on_weekday = bit(at.weekday, u32::from(self.weekdays));
        // Where both are given in a cron line, either will do.
        let either = self.days != ALL_DAYS && !self.last_day && self.weekdays != ALL_WEEKDAYS;
        let (after, before) = (self.after.unwrap_or(0), self.before.unwrap_or(24 * 60));
        let minute = at.minute;
        let in_time = match (self.after, self.before) {
            (Some(after), Some(before)) if after >= before => minute >= after || minute < before,
            _ => minute >= after && minute < before,
        };
        in_time
            && bit(u32::from(minute / 60), self.hours)
            && bit(at.month, u32::from(self.months))
            && if either { on_day || on_weekday } else { on_day && on_weekday }
    }
}

/// `Err` with the part that is not understood.
fn in_words(words: &[&str]) -> Result<Schedule, String> {
    if words == ["at", "any", "time"] {
        return Ok(Schedule::ALWAYS);
    }
    let mut out = Schedule { weekdays: 0, days: 0, ..Schedule::ALWAYS };
    let mut rest = words;
    while let Some((first, after)) = rest.split_first() {
        rest = match (*first, after) {
            ("and", [_, ..]) if out != (Schedule { weekdays: 0, days: 0, ..Schedule::ALWAYS }) => after,
            ("after" | "before", _) => {
                let (minute, after) = time(after).ok_or_else(|| words_of(rest, 2))?;
                let place = if *first == "after" { &mut out.after } else { &mut out.before };
                if place.replace(minute).is_some() {
                    return Err((*first).to_owned());
                }
                after
            }
            ("every", ["weekday", after @ ..]) | ("on", ["weekdays", after @ ..]) => {
                out.weekdays |= ALL_WEEKDAYS & !WEEKEND;
                after
            }
            ("every", ["weekend", after @ ..]) | ("on", ["weekends", after @ ..]) => {
                out.weekdays |= WEEKEND;
                after
            }
            ("every", ["day", after @ ..]) => after,
            ("on", ["the", "last", "day", "of", "the", "month", after @ ..]) => {
                out.last_day = true;
                after
            }
            ("on", ["the", number, "day", "of", "the", "month", after @ ..]) => {
                out.days |= 1 << ordinal(number).ok_or_else(|| (*number).to_owned())?;
                after
            }
            ("on" | "every", [day, after @ ..]) => {
                out.weekdays |= 1 << named(&WEEKDAYS, day).ok_or_else(|| (*day).to_owned())?;
                let mut after = after;
                // `on monday, tuesday and friday`.
                loop {
                    let day = match after {
                        ["and", day, ..] | [day, ..] => named(&WEEKDAYS, day),
                        [] => None,
                    };
                    let Some(day) = day else { break after };
                    out.weekdays |= 1 << day;
                    after = &after[if after[0] == "and" { 2 } else { 1 }..];
                }
            }
            (other, _) => return Err(other.to_owned()),
        };
    }
    if words.is_empty() {
        return Err(String::new());
    }
    if out.weekdays == 0 {
        out.weekdays = ALL_WEEKDAYS;
    }
    if out.days == 0 && !out.last_day {
        out.days = ALL_DAYS;
    }
    // In words everything has to hold, also a weekday beside a day of the month, which a cron line reads otherwise.
    if out.days != ALL_DAYS && !out.last_day && out.weekdays != ALL_WEEKDAYS {
        return Err(words.join(" "));
    }
    Ok(out)
}

fn words_of(words: &[&str], most: usize) -> String {
    words[..words.len().min(most)].join(" ")
}

/// `5am`, `5:30 pm`, `22:00` as the minute of the day, and the words after it.
fn time<'w, 't>(words: &'w [&'t str]) -> Option<(u16, &'w [&'t str])> {
    let (first, mut rest) = words.split_first()?;
    let (clock, half) = match first.strip_suffix("am").map(|clock| (clock, "am")) {
        Some(found) => found,
        None => match (first.strip_suffix("pm"), rest) {
            (Some(clock), _) => (clock, "pm"),
            (None, [half @ ("am" | "pm"), after @ ..]) => {
                rest = after;
                (*first, *half)
            }
            (None, _) => (*first, ""),
        },
    };
    let (hour, minute) = clock.split_once(':').unwrap_or((clock, if half.is_empty() { "" } else { "00" }));
    let number = |text: &str| (1..=2).contains(&text.len()).then(|| text.parse::<u16>().ok())?;
    let (hour, minute) = (number(hour)?, number(minute)?);
    let hour = match half {
        "" if hour < 24 => hour,
        "am" if (1..=12).contains(&hour) => hour % 12,
        "pm" if (1..=12).contains(&hour) => hour % 12 + 12,
        _ => return None,
    };
    (minute < 60).then_some((hour * 60 + minute, rest))
}

/// `first`, `2nd`, `15th`.
fn ordinal(text: &str) -> Option<u32> {
    if text == "first" {
        return Some(1);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let is_ordinal = matches!(&text[digits.len()..], "st" | "nd" | "rd" | "th");
    digits.parse().ok().filter(|day| is_ordinal && (1..=31).contains(day))
}

/// The place of a name or of its first three letters.
fn named(names: &[&str], text: &str) -> Option<u32> {
    let place = names.iter().position(|name| text == *name || (text.len() == 3 && name.starts_with(text)));
    place.and_then(|place| u32::try_from(place).ok())
}

fn cron<'t>(fields: impl Iterator<Item = &'t str>) -> Result<Schedule, String> {
    let fields: Vec<&str> = fields.collect();
    let &[minutes, hours, days, months, weekdays] = fields.as_slice() else { return Err(fields.join(" ")) };
    // Whoever delivers comes by when it does, so minutes cannot be told apart.
    if minutes != "*" {
        return Err(minutes.to_owned());
    }
    let read = |text: &str, least, most, names: &[&str], first| {
        field(text, (least, most), |name| named(names, name).map(|place| place + first))
            .ok_or_else(|| text.to_owned())
    };
    let weekdays = read(weekdays, 0, 7, &WEEKDAYS, 0)?;
    // Sunday is 0 and 7.
    let weekdays = (weekdays | weekdays >> 7) & u32::from(ALL_WEEKDAYS);
    Ok(Schedule {
        hours: read(hours, 0, 23, &[], 0)?,
        days: read(days, 1, 31, &[], 0)?,
        months: u16::try_from(read(months, 1, 12, &MONTHS, 1)?).unwrap_or(ALL_MONTHS),
        weekdays: u8::try_from(weekdays).unwrap_or(ALL_WEEKDAYS),
        ..Schedule::ALWAYS
    })
}

/// `*`, `*/2`, `1-5`, `mon-fri`, `0-6/2`, and lists of these as bits.
fn field(text: &str, (least, most): (u32, u32), name: impl Fn(&str) -> Option<u32>) -> Option<u32> {
    let number = |text: &str| match text.parse::<u32>() {
        Ok(number) => (least..=most).contains(&number).then_some(number),
        Err(_) => name(text),
    };
    let mut bits = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|step| (1..=most).contains(step))?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (number(from)?, number(to)?),
            None => (number(range)?, if part.contains('/') { most } else { number(range)? }),
        };
        if from > to {
            return None;
        }
        (from..=to).step_by(usize::try_from(step).ok()?).for_each(|number| bits |= 1 << number);
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-08-22 is a Saturday.
    #[test]
    fn times_are_admitted_as_the_words_say() {
        for (text, inside, outside) in [
            ("at any time", vec!["2026-08-22T00:00", "2026-02-28T23:59"], vec![]),
            ("before 6am", vec!["2026-08-22T05:59", "2026-08-22T00:00"], vec!["2026-08-22T06:00"]),
            ("after 10:30 pm", vec!["2026-08-22T22:30"], vec!["2026-08-22T22:29", "2026-08-22T10:30"]),
            ("before 12am", vec![], vec!["2026-08-22T00:00", "2026-08-22T13:00"]),
            ("after 12pm", vec!["2026-08-22T12:00"], vec!["2026-08-22T11:59"]),
            (
                "after 10pm and before 5:00am",
                vec!["2026-08-22T23:00", "2026-08-22T04:59"],
                vec!["2026-08-22T05:00", "2026-08-22T21:59"],
            ),
            (
                "After 9am and before 17:00",
                vec!["2026-08-22T16:59"],
                vec!["2026-08-22T17:00", "2026-08-22T08:00"],
            ),
            ("every weekend", vec!["2026-08-22T12:00", "2026-08-23T12:00"], vec!["2026-08-24T00:00"]),
            ("every weekday", vec!["2026-08-21T23:59"], vec!["2026-08-22T00:00"]),
            ("before 4am on Monday", vec!["2026-08-24T03:00"], vec!["2026-08-24T04:00", "2026-08-25T03:00"]),
            (
                "on mon, wed and friday",
                vec!["2026-08-24T03:00", "2026-08-26T03:00", "2026-08-28T03:00"],
                vec!["2026-08-25T03:00"],
            ),
            ("on monday and before 5am", vec!["2026-08-24T03:00"], vec!["2026-08-24T05:00"]),
            (
                "before 4am on the first day of the month",
                vec!["2026-09-01T03:00"],
                vec!["2026-09-02T03:00", "2026-09-01T04:00"],
            ),
            (
                "on the last day of the month",
                vec!["2024-02-29T03:00", "2026-04-30T03:00"],
                vec!["2024-02-28T03:00", "2026-08-30T03:00"],
            ),
            ("* 0-3 * * 1", vec!["2026-08-24T03:59"], vec!["2026-08-24T04:00", "2026-08-25T03:00"]),
            ("* */6 * * mon-fri", vec!["2026-08-24T18:00"], vec!["2026-08-24T19:00", "2026-08-22T18:00"]),
            ("* * * * 0,6", vec!["2026-08-22T18:00", "2026-08-23T18:00"], vec!["2026-08-24T18:00"]),
            ("* * * * 7", vec!["2026-08-23T18:00"], vec!["2026-08-22T18:00"]),
            ("* 0-4,22-23 * * 1-5", vec!["2026-08-24T22:00", "2026-08-24T04:00"], vec!["2026-08-24T05:00"]),
            ("* * 1 * 1", vec!["2026-09-01T18:00", "2026-08-24T18:00"], vec!["2026-09-02T18:00"]),
            ("* * * 1-3,dec *", vec!["2026-12-05T00:00", "2026-03-05T00:00"], vec!["2026-04-05T00:00"]),
        ] {
            let schedule = Schedule::parse(text).unwrap();
            let at = |time: &&str| Timestamp::parse(&format!("{time}:00Z")).unwrap();
            for time in &inside {
                assert!(schedule.admits(at(time)), "{text} at {time}");
            }
            for time in &outside {
                assert!(!schedule.admits(at(time)), "{text} at {time}");
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (text, part) in [
            ("", ""),
            ("weekly", "weekly"),
            ("before breakfast", "before breakfast"),
            ("before 25:00", "before 25:00"),
            ("before 13pm", "before 13pm"),
            ("after 5", "after 5"),
            ("on moonday", "moonday"),
            ("and before 5am", "and"),
            ("before 5am and", "and"),
            ("before 5am before 6am", "before"),
            ("every 3 months on the first day of the month", "3"),
            ("on monday on the first day of the month", "on monday on the first day of the month"),
            ("0 3 * * 1", "0"),
            ("* 3 * *", "* 3 * *"),
            ("* 24 * * *", "24"),
            ("* 5-3 * * *", "5-3"),
            ("* 0 L * *", "l"),
            ("* 0/0 * * *", "0/0"),
            ("* * * * mon#1", "mon#1"),
        ] {
            assert_eq!(Schedule::parse(text).unwrap_err().part, part, "{text}");
        }
    }
}
