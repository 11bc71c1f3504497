//! stand-in
use super::{Level, Version};
/// .
#[derive(Debug)]
pub struct Flavour;
impl Flavour {
    /// .
    pub fn of(t: &str) -> Option<Flavour> {
        Version::parse(t).ok().map(|_| Flavour)
    }
}
/// .
#[derive(Debug)]
pub struct Ranked {
    /// .
    pub index: usize,
    /// .
    pub level: Level,
}
/// .
#[derive(Debug)]
pub struct Ranking {
    /// .
    pub newer: Vec<Ranked>,
    /// .
    pub older: Vec<usize>,
    /// .
    pub refused: Vec<(usize, Refusal)>,
}
/// .
#[derive(Debug)]
pub struct Refusal;
impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("another kind")
    }
}
/// .
pub fn newest(current: &str, keys: &[&str], pre: bool) -> Ranking {
    let mut r = Ranking { newer: vec![], older: vec![], refused: vec![] };
    let Ok(cur) = Version::parse(current) else { return r };
    let mut v: Vec<(usize, Version)> = vec![];
    for (i, k) in keys.iter().enumerate() {
        match Version::parse(k) {
            Ok(x) if pre || !x.is_prerelease() || cur.is_prerelease() || *k == current => v.push((i, x)),
            _ => r.refused.push((i, Refusal)),
        }
    }
    v.sort_by(|a, b| b.1.cmp_precedence(&a.1));
    for (i, x) in v {
        if x.cmp_precedence(&cur).is_gt() {
            r.newer.push(Ranked { index: i, level: cur.level_to(&x) })
        } else {
            r.older.push(i)
        }
    }
    r
}
