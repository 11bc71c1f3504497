//! Arithmetic of sprig. Source: sprig 3 `numeric.go`; spf13/cast.

use super::Trouble;
use super::functions::{ANY, Row, text};
use super::value::Value;

pub(super) const TABLE: &[Row] = &[
    ("add", 0, ANY, |given| fold(given, 0, i64::wrapping_add)),
    ("add1", 1, 1, |given| Ok(Value::Long(long(&given[0])?.wrapping_add(1)))),
    ("mul", 1, ANY, |given| fold(&given[1..], long(&given[0])?, i64::wrapping_mul)),
    ("sub", 2, 2, |given| Ok(Value::Long(long(&given[0])?.wrapping_sub(long(&given[1])?)))),
    ("div", 2, 2, |given| divided(given, i64::wrapping_div)),
    ("mod", 2, 2, |given| divided(given, i64::wrapping_rem)),
    ("max", 1, ANY, |given| fold(&given[1..], long(&given[0])?, i64::max)),
    ("min", 1, ANY, |given| fold(&given[1..], long(&given[0])?, i64::min)),
    ("int", 1, 1, |given| Ok(Value::Int(long(&given[0])?))),
    ("int64", 1, 1, |given| Ok(Value::Long(long(&given[0])?))),
    ("float64", 1, 1, |given| float(&given[0])),
    ("atoi", 1, 1, |given| Ok(Value::Int(atoi(text(given, 0)?)))),
];

fn fold(given: &[Value], first: i64, with: fn(i64, i64) -> i64) -> Result<Value, Trouble> {
    given.iter().try_fold(first, |sum, value| Ok(with(sum, long(value)?))).map(Value::Long)
}

fn divided(given: &[Value], with: fn(i64, i64) -> i64) -> Result<Value, Trouble> {
    let by = long(&given[1])?;
    if by == 0 {
        return Err(Trouble::failed("divides by zero"));
    }
    Ok(Value::Long(with(long(&given[0])?, by)))
}

/// `cast.ToInt64`: what is no number is 0.
fn long(value: &Value) -> Result<i64, Trouble> {
    #[expect(clippy::cast_possible_truncation)]
    Ok(match value {
        Value::Int(value) | Value::Long(value) => *value,
        Value::Float(value) => *value as i64,
        Value::Bool(value) => i64::from(*value),
        Value::Text(text) => {
            let is_odd = text.contains(['_', '.'])
                || text.len() > 1 && text.trim_start_matches(['-', '+']).starts_with('0');
            if is_odd && text.bytes().any(|byte| byte.is_ascii_digit()) && text.parse::<i64>() != Ok(0) {
                return Err(Trouble::unsupported(format!("`{text}` as a number")));
            }
            text.parse().unwrap_or(0)
        }
        _ => 0,
    })
}

fn float(value: &Value) -> Result<Value, Trouble> {
    #[expect(clippy::cast_precision_loss)]
    Ok(Value::Float(match value {
        Value::Float(value) => *value,
        Value::Text(text) => text.parse().unwrap_or(0.0),
        other => long(other)? as f64,
    }))
}

/// `strconv.Atoi`, whose error sprig drops.
fn atoi(text: &str) -> i64 {
    text.parse().unwrap_or(0)
}
