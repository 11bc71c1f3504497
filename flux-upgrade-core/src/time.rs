//! Points in time and ages, without a clock.

use std::fmt;
use std::str::FromStr;

/// A point in time, in seconds since 1970-01-01T00:00:00Z.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::time::Timestamp;
/// let time = Timestamp::parse("2026-08-01T12:30:00+02:00")?;
/// assert_eq!(time.to_string(), "2026-08-01T10:30:00Z");
/// assert_eq!(Timestamp::parse("2026-08-01")?.to_string(), "2026-08-01T00:00:00Z");
/// # Ok::<(), flux_upgrade_core::time::TimeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text that is no time or no age.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no {wanted}")]
pub struct TimeError {
    found: String,
    wanted: &'static str,
}

const DAY: i64 = 86_400;

impl Timestamp {
    /// Reads an RFC 3339 time, or a date, which means its first second in UTC.
    ///
    /// Fractions of a second are dropped; a leap second counts as the one after it.
    ///
    /// # Errors
    ///
    /// [`TimeError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let wrong = || TimeError { found: text.to_owned(), wanted: "date or RFC 3339 time" };
        read(text).map(Self).ok_or_else(wrong)
    }

    /// The time this many seconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// Whether something can have been published then: tools that build the same bytes each time write 1970, 1980 or the year 1.
    #[must_use]
    pub(crate) fn is_believed(self) -> bool {
        const YEAR_2000: i64 = 946_684_800;
        self.0 >= YEAR_2000
    }

    /// The time that is `age` later.
    #[must_use]
    pub fn plus(self, age: Age) -> Self {
        Self(self.0.saturating_add(i64::try_from(age.0).unwrap_or(i64::MAX)))
    }
}

/// A time as a calendar and a clock have it, in UTC.
pub(crate) struct Civil {
    /// From 1.
    pub(crate) month: u32,
    /// From 1.
    pub(crate) day: u32,
    /// From 0, a Sunday.
    pub(crate) weekday: u32,
    /// Of the day.
    pub(crate) minute: u16,
    /// Whether it is the month's last day.
    pub(crate) is_last_day: bool,
}

impl Timestamp {
    pub(crate) fn civil(self) -> Civil {
        let number = |number: i64| u32::try_from(number).unwrap_or_default();
        let today = self.0.div_euclid(DAY);
        let (year, month, day) = date(today);
        Civil {
            month: number(month),
            day: number(day),
            // 1970-01-01 was a Thursday.
            weekday: number((today + 4).rem_euclid(7)),
            minute: u16::try_from(self.0.rem_euclid(DAY) / 60).unwrap_or_default(),
            is_last_day: day == days_in(year, month),
        }
    }
}

fn read(text: &str) -> Option<i64> {
    let digits = |from: usize, to: usize| -> Option<i64> {
        let part = text.get(from..to)?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let mark = |at: usize, wanted: &[u8]| text.as_bytes().get(at).is_some_and(|byte| wanted.contains(byte));
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    if !(mark(4, b"-")
        && mark(7, b"-")
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day))
    {
        return None;
    }
    let date = days(year, month, day) * DAY;
    if text.len() == 10 {
        return Some(date);
    }
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    if !(mark(10, b"Tt ") && mark(13, b":") && mark(16, b":") && hour < 24 && minute < 60 && second <= 60) {
        return None;
    }
    let mut rest = text.get(19..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.len() == fraction.len() {
            return None;
        }
    }
    Some(date + hour * 3_600 + minute * 60 + second - offset(rest)?)
}

/// `Z`, `+02:00`, `-05:30` in seconds.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = match text.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let number = |part: &str, most: i64| -> Option<i64> {
        let value: i64 =
            (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())??;
        (value <= most).then_some(value)
    };
    Some(sign * (number(hours, 23)? * 3_600 + number(minutes, 59)? * 60))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar (Howard Hinnant, `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day (Howard Hinnant, `civil_from_days`).
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

impl FromStr for Age {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0.div_euclid(DAY));
        let seconds = self.0.rem_euclid(DAY);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// A length of time in whole seconds: `3d`, `36h`, `2w`.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::time::Age;
/// assert_eq!(Age::parse("3d")?.seconds(), 259_200);
/// assert_eq!(Age::parse("36h")?.to_string(), "36h");
/// assert!(Age::parse("3 days").is_err());
/// # Ok::<(), flux_upgrade_core::time::TimeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Age(u64);

const UNITS: &[(char, u64)] = &[('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl Age {
    /// Reads a whole number and a unit: `w`, `d`, `h`, `m` or `s`.
    ///
    /// # Errors
    ///
    /// [`TimeError`] for any other text, and for more seconds than 64 bits hold.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let wrong = || TimeError { found: text.to_owned(), wanted: "age such as `3d`, `36h` or `2w`" };
        let unit = text.chars().last().and_then(|last| UNITS.iter().find(|(unit, _)| *unit == last));
        let (_, seconds) = unit.ok_or_else(wrong)?;
        let number = &text[..text.len() - 1];
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let number: u64 = number.parse().map_err(|_| wrong())?;
        number.checked_mul(*seconds).map(Self).ok_or_else(wrong)
    }

    /// Its length in seconds.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |unit: &&(char, u64)| self.0.is_multiple_of(unit.1) && unit.0 != 'w';
        let (unit, seconds) = UNITS.iter().find(plain).unwrap_or(&('s', 1));
        write!(f, "{}{unit}", self.0 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_there_and_back() {
        for text in
            ["1970-01-01T00:00:00Z", "2000-02-29T23:59:59Z", "2026-08-22T00:00:00Z", "1969-12-31T23:59:59Z"]
        {
            assert_eq!(Timestamp::parse(text).expect("a time").to_string(), text);
        }
        assert_eq!(
            Timestamp::parse("2024-01-05T10:00:00.123456789-05:30").expect("a time").seconds(),
            1_704_468_600
        );
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "2024",
            "2024-13-01",
            "2023-02-29",
            "2024-01-05T",
            "2024-01-05T10:00:00",
            "2024-01-05T25:00:00Z",
            "é024-01-05",
            "2024-01-05T10:00:00.Z",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }
}
