//! Floating-point numbers in Go's syntax, for numerical image policies.

/// Reads a 64-bit float as Go's `strconv.ParseFloat` does; `None` for a syntax error or an overflow.
///
/// Signs, exponents, hex floats with a binary exponent, `inf`, `infinity`, `nan` in any case, underscores between digits;
/// no blanks.
pub(super) fn parse(text: &str) -> Option<f64> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = magnitude(unsigned, unsigned.len() == text.len())?;
    Some(if negative { -magnitude } else { magnitude })
}

fn magnitude(text: &str, may_be_nan: bool) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "inf" | "infinity" => return Some(f64::INFINITY),
        "nan" => return may_be_nan.then_some(f64::NAN),
        _ => {}
    }
    if lower.contains('_') && !underscores_separate_digits(&lower) {
        return None;
    }
    let plain = lower.replace('_', "");
    let value = match plain.strip_prefix("0x") {
        Some(digits) => hexadecimal(digits)?,
        None => decimal(&plain)?,
    };
    value.is_finite().then_some(value)
}

fn decimal(text: &str) -> Option<f64> {
    let known = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'+' | b'-');
    if !text.bytes().all(known) {
        return None;
    }
    text.parse().ok()
}

fn hexadecimal(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once('p')?;
    let (sign, exponent) = match exponent.as_bytes().first()? {
        b'-' => (-1, &exponent[1..]),
        b'+' => (1, &exponent[1..]),
        _ => (1, exponent),
    };
    if exponent.is_empty() || !exponent.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let exponent: i64 = exponent.parse::<i64>().unwrap_or(1 << 40).min(1 << 40) * sign;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut mantissa: u64 = 0;
    let mut shift: i64 = 0;
    for (i, c) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(c.to_digit(16)?);
        let in_fraction = i >= whole.len();
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | digit;
            shift -= if in_fraction { 4 } else { 0 };
        } else {
            // Digits beyond 64 bits only decide about rounding.
            mantissa |= u64::from(digit != 0);
            shift += if in_fraction { 0 } else { 4 };
        }
    }
    Some(scale(mantissa as f64, exponent.saturating_add(shift)))
}

/// `value * 2^exponent`, in steps that stay inside what a power of two can hold.
fn scale(mut value: f64, exponent: i64) -> f64 {
    let mut left = exponent.clamp(-4000, 4000);
    while left != 0 {
        let step = left.clamp(-1000, 1000);
        value *= 2f64.powi(step as i32);
        left -= step;
    }
    value
}

/// Each underscore stands between digits, or between the base prefix and a digit.
fn underscores_separate_digits(lower: &str) -> bool {
    let hex = lower.starts_with("0x");
    let bytes = lower.as_bytes();
    let is_digit = |byte: &u8| byte.is_ascii_digit() || hex && byte.is_ascii_hexdigit();
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_').all(|(at, _)| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        let after_prefix = hex && at == 2;
        (after_prefix || before.is_some_and(is_digit)) && bytes.get(at + 1).is_some_and(is_digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_syntax() {
        let good = [
            ("1", 1.0),
            ("+1.5e3", 1500.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("0x1p4", 16.0),
            ("0x_1.8P-1", 0.75),
            ("1_000", 1000.0),
            ("-Inf", f64::NEG_INFINITY),
            ("INFINITY", f64::INFINITY),
            ("0x1.00000000000008000000000001p0", 1.000_000_000_000_000_2),
            ("1e-400", 0.0),
        ];
        for (text, value) in good {
            assert_eq!(parse(text), Some(value), "{text}");
        }
        assert!(parse("nan").unwrap().is_nan());
        for text in [
            "", "+", ".", "e5", "0x10", "0xp1", "1e400", "0x1p5000", " 1", "1 ", "1__0", "_1", "1_", "+nan",
            "1a",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
