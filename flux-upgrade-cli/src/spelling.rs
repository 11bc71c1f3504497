//! What somebody may have meant.

/// The nearest of `known` to `text`, if it is near enough to be a slip.
pub(crate) fn nearest<'k>(text: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let slips = text.chars().count() / 3 + 1;
    known
        .into_iter()
        .map(|word| (distance(text, word), word))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= slips)
        .map(|(_, word)| word)
}

/// Number of characters to insert, delete, replace or swap with a neighbour, cases aside (optimal string alignment).
pub(crate) fn distance(a: &str, b: &str) -> usize {
    strsim::osa_distance(&a.to_lowercase(), &b.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (a, b, expected) in
            [("", "", 0), ("", "abc", 3), ("mojor", "major", 1), ("mniro", "minor", 2), ("MAJOR", "major", 0)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn only_near_words_are_meant() {
        let levels = ["patch", "minor", "major", "none"];
        for (text, expected) in
            [("mojor", Some("major")), ("pach", Some("patch")), ("everything", None), ("x", None)]
        {
            assert_eq!(nearest(text, levels), expected, "{text}");
        }
    }
}
