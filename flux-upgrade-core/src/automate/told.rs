//! What a policy elects by, and what it does with each tag, for people.

use std::collections::HashMap;

use super::Policy;
use super::policy::Order;
use crate::resolve::{Candidate, Resolution};
use crate::time::Timestamp;
use crate::version::{Dialect, ImagePolicy, stored_order};

/// What a policy does with the tags of its repository.
pub(crate) struct Judgement<'a> {
    /// Those that it may elect, the elected one first.
    pub(crate) ranked: Vec<&'a str>,
    /// Those that it may not, each with why.
    pub(crate) refused: Vec<(&'a str, String)>,
    /// When each was published, where the registry tells.
    pub(crate) published: HashMap<&'a str, Timestamp>,
}

impl Policy {
    /// In words: its name and place, what it elects by, and the patches that say so.
    pub(crate) fn told(&self) -> String {
        let namespace = self.place.namespace.as_ref().map(|name| format!("{name}/")).unwrap_or_default();
        let mut text = format!("{namespace}{} at {}:{}", self.name, self.at.path, self.at.line);
        if let Ok(rule) = &self.rule {
            let by = match &rule.order {
                Order::SemVer(range) => format!("semver {range}"),
                Order::Other(policy) => policy.to_string(),
            };
            let filter = rule.filter.as_ref().map(|filter| format!(" of {filter}")).unwrap_or_default();
            text.push_str(&format!(": {by}{filter}"));
        }
        for (place, patch) in self.patches.iter().enumerate() {
            text.push_str(if place == 0 { ", patched at " } else { ", " });
            text.push_str(&format!("{}:{}", patch.path, patch.line));
        }
        text
    }

    /// What it does with each tag; `None` where its tags, or what it elects by, are not known.
    pub(crate) fn judge<'a>(&self, resolution: &'a Resolution, dialect: Dialect) -> Option<Judgement<'a>> {
        let rule = self.rule.as_ref().ok()?;
        let list = resolution.candidates(&self.source()?.0).ok()?;
        let stored = stored_order(list, &rule.exclusions, dialect);
        let semver;
        let by = match &rule.order {
            Order::SemVer(range) => {
                semver = ImagePolicy::semver_in(range, dialect).ok()?;
                &semver
            }
            Order::Other(policy) => policy,
        };
        let (ranked, mut refused) = by.judge(&stored, rule.filter.as_ref());
        let excluded = list.iter().map(|candidate| candidate.text.as_str());
        let excluded = excluded.filter(|tag| rule.exclusions.excludes(tag));
        refused.extend(excluded.map(|tag| (tag, "excluded by the ImageRepository".to_owned())));
        let dated = |one: &'a Candidate| Some((one.text.as_str(), one.created?));
        Some(Judgement { ranked, refused, published: list.iter().filter_map(dated).collect() })
    }
}
