//! Points in time and durations as texts; nothing here reads a clock.

use std::fmt;
use std::time::Duration;

/// A point in time: whole seconds since 1970-01-01T00:00:00Z.
///
/// Displays as RFC 3339 in UTC, without fractions.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::time::Timestamp;
/// let time = Timestamp::parse("2026-03-01T01:30:00.25+02:00")?;
/// assert_eq!(time.to_string(), "2026-02-28T23:30:00Z");
/// assert_eq!(Timestamp::parse("1970-01-02")?.seconds(), 86_400);
/// # Ok::<(), flux_upgrade_core::time::TimeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text that is not a time or duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// Not a date, nor an RFC 3339 time.
    #[error(
        "`{text}` is not a time: expected a date such as `2026-03-01` or RFC 3339 such as `2026-03-01T12:00:00Z`"
    )]
    Time {
        /// The text as given.
        text: String,
    },
    /// Not a duration.
    #[error(
        "`{text}` is not a duration: expected numbers with `w`, `d`, `h`, `m` or `s`, such as `3d` or `36h`"
    )]
    Duration {
        /// The text as given.
        text: String,
    },
}

impl TimeError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            TimeError::Time { .. } => "time.not-a-time",
            TimeError::Duration { .. } => "time.not-a-duration",
        }
    }
}

impl Timestamp {
    /// Reads RFC 3339 with any offset, or a plain date, which means its first second in UTC.
    ///
    /// Fractions of a second are cut off; a leap second counts as the second after. Source: RFC 3339, section 5.6.
    ///
    /// # Errors
    ///
    /// [`TimeError::Time`] for anything else, also for a date that does not exist.
    pub fn parse(text: &str) -> Result<Timestamp, TimeError> {
        read(text).map(Timestamp).ok_or_else(|| TimeError::Time { text: text.to_owned() })
    }

    /// The time that many seconds after 1970-01-01T00:00:00Z; `None` outside the years 0 to 9999.
    pub fn from_seconds(seconds: i64) -> Option<Timestamp> {
        (FIRST..=LAST).contains(&seconds).then_some(Timestamp(seconds))
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// The time `duration` before this one, not before the year 0.
    pub fn before(self, duration: Duration) -> Timestamp {
        let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_sub(seconds).max(FIRST))
    }
}

const DAY: i64 = 86_400;
/// 0000-01-01T00:00:00Z
const FIRST: i64 = -62_167_219_200;
/// 9999-12-31T23:59:59Z
const LAST: i64 = 253_402_300_799;

fn read(text: &str) -> Option<i64> {
    let year = i64::from(number(text, 0, 4)?);
    let (month, day) = (number(text, 5, 2)?, number(text, 8, 2)?);
    if !marks(text, &[(4, b'-'), (7, b'-')]) || !(1..=12).contains(&month) {
        return None;
    }
    if day == 0 || day > days_in_month(year, month) {
        return None;
    }
    let midnight = days_since_epoch(year, i64::from(month), i64::from(day)) * DAY;
    if text.len() == 10 {
        return Some(midnight);
    }
    let (hour, minute, second) = (number(text, 11, 2)?, number(text, 14, 2)?, number(text, 17, 2)?);
    let separated =
        matches!(text.as_bytes()[10], b'T' | b't' | b' ') && marks(text, &[(13, b':'), (16, b':')]);
    if !separated || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = text.get(19..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        rest = &fraction[digits..];
    }
    let time = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    let seconds = midnight + time - offset(rest)?;
    (FIRST..=LAST).contains(&seconds).then_some(seconds)
}

/// Seconds east of UTC: `Z` or `+02:00`.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = (number(text, 1, 2)?, number(text, 4, 2)?);
    let valid = text.len() == 6 && marks(text, &[(3, b':')]) && hours <= 23 && minutes <= 59;
    valid.then(|| sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

fn number(text: &str, at: usize, digits: usize) -> Option<u32> {
    let digits = text.get(at..at + digits)?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

fn marks(text: &str, wanted: &[(usize, u8)]) -> bool {
    wanted.iter().all(|&(at, byte)| text.as_bytes().get(at) == Some(&byte))
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, counted in years that start in March.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of(self.0.div_euclid(DAY));
        let second = self.0.rem_euclid(DAY);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

impl std::str::FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Timestamp, TimeError> {
        Timestamp::parse(text)
    }
}

/// Reads a duration of weeks, days, hours, minutes and seconds: `3d`, `36h`, `2w`, `1d12h`.
///
/// # Errors
///
/// [`TimeError::Duration`] for a number without a unit, an unknown unit, the empty text, or more than 64 bits of seconds.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::time::parse_duration;
/// assert_eq!(parse_duration("1d12h")?, parse_duration("36h")?);
/// # Ok::<(), flux_upgrade_core::time::TimeError>(())
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, TimeError> {
    let wrong = || TimeError::Duration { text: text.to_owned() };
    let mut seconds: u64 = 0;
    let mut rest = text;
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit: u64 = match rest[digits..].chars().next() {
            Some('w') => 7 * 86_400,
            Some('d') => 86_400,
            Some('h') => 3_600,
            Some('m') => 60,
            Some('s') => 1,
            _ => return Err(wrong()),
        };
        seconds = number.checked_mul(unit).and_then(|part| seconds.checked_add(part)).ok_or_else(wrong)?;
        rest = &rest[digits + 1..];
        if rest.is_empty() {
            return Ok(Duration::from_secs(seconds));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_and_display() {
        let table = [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29", 951_782_400),
            ("2026-03-01 12:00:00.123456789Z", 1_772_366_400),
            ("1969-12-31T23:59:59Z", -1),
            ("2016-12-31T23:59:60Z", 1_483_228_800),
            ("2024-01-01T00:00:00-05:30", 1_704_087_000),
        ];
        for (text, seconds) in table {
            let time = Timestamp::parse(text).unwrap();
            assert_eq!(time.seconds(), seconds, "{text}");
            assert_eq!(Timestamp::parse(&time.to_string()), Ok(time), "{text}");
        }
    }

    #[test]
    fn every_day_displays_as_itself() {
        for day in (FIRST / DAY..LAST / DAY).step_by(97) {
            let time = Timestamp::from_seconds(day * DAY).unwrap();
            assert_eq!(Timestamp::parse(&time.to_string()[..10]), Ok(time));
        }
    }

    #[test]
    fn what_is_not_a_time() {
        for text in [
            "",
            "2026",
            "2025-02-29",
            "2026-13-01",
            "2026-01-01T25:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "２０26-01-01",
            "2026-01-01T00:00:00+2:00",
            "0000-01-01T00:00:00+01:00",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("2w").unwrap().as_secs(), 1_209_600);
        for text in ["", "3", "d", "3y", "3d ", "-1d", "99999999999999999999d", "9999999999999999999w"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
