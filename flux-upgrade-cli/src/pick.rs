//! The sites that `--explain` names.

use flux_upgrade_core::Location;
use flux_upgrade_core::locate::{Owner, Site};

use crate::fault::Fault;
use crate::spelling::distance;

/// Sites named at most when the one that was asked for is not there.
const SHOWN: usize = 3;

/// What `--explain` names.
#[derive(Debug, PartialEq, Eq)]
enum Wanted<'t> {
    /// A line of a file, perhaps a column.
    Place { path: &'t str, line: usize, column: Option<usize> },
    /// An object, perhaps in a namespace.
    Object { kind: &'t str, namespace: Option<&'t str>, name: &'t str },
    /// The site of one definition, where a field has several: `PATH:LINE:COLUMN#NUMBER`.
    Id(&'t str),
}

impl<'t> Wanted<'t> {
    /// `PATH:LINE`, `PATH:LINE:COLUMN`, `Kind/namespace/name` or `Kind/name`; the table's `Kind namespace/name` too, and
    /// the `id` of a plan's JSON.
    fn parse(text: &'t str) -> Option<Self> {
        if let Some((head, last)) = number_at_end(text) {
            return Some(match number_at_end(head) {
                Some((path, line)) => Self::Place { path, line, column: Some(last) },
                None => Self::Place { path: head, line: last, column: None },
            });
        }
        if text
            .rsplit_once('#')
            .is_some_and(|(place, number)| number.parse::<usize>().is_ok() && number_at_end(place).is_some())
        {
            return Some(Self::Id(text));
        }
        let (kind, rest) = text.split_once(['/', ' '])?;
        let (namespace, name) = match rest.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, rest),
        };
        let is_plain = !kind.is_empty() && !name.is_empty() && !name.contains('/') && namespace != Some("");
        is_plain.then_some(Self::Object { kind, namespace, name })
    }

    fn matches(&self, site: &Site) -> bool {
        match *self {
            // A table names the place of the text, which is elsewhere where a variable gives it.
            Self::Place { path, line, column } => places(site).any(|at| {
                is_same_file(path, at.path.as_str())
                    && line == at.line
                    && column.is_none_or(|column| column == at.column)
            }),
            Self::Id(id) => is_same_file(id, &site.id),
            Self::Object { kind, namespace, name } => {
                let Owner { kind: found, namespace: in_namespace, name: called } = &site.owner;
                kind.eq_ignore_ascii_case(found)
                    && name == called
                    && namespace.is_none_or(|namespace| in_namespace.as_deref() == Some(namespace))
            }
        }
    }

    /// How far a site is from what is named: the smaller the nearer.
    fn distance(&self, site: &Site) -> usize {
        match *self {
            Self::Place { path, line, .. } if is_same_file(path, site.spot.at.path.as_str()) => {
                line.abs_diff(site.spot.at.line).min(1_000)
            }
            Self::Place { path, .. } => 1_000 * (1 + distance(path, site.spot.at.path.as_str())),
            Self::Id(id) => distance(id, &site.id),
            Self::Object { kind, namespace, name } => {
                let other = site.owner.namespace.as_deref();
                distance(kind, &site.owner.kind)
                    + 2 * distance(name, &site.owner.name)
                    + namespace.map_or(0, |namespace| distance(namespace, other.unwrap_or("")))
            }
        }
    }
}

/// Where a site is read, and where its text stands.
fn places(site: &Site) -> impl Iterator<Item = &Location> {
    [&site.at, &site.spot.at].into_iter()
}

/// Whether `asked` names the file at `path`, perhaps with folders before it that lead to the root.
fn is_same_file(asked: &str, path: &str) -> bool {
    let asked = asked.trim_start_matches("./");
    asked.strip_suffix(path).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

fn number_at_end(text: &str) -> Option<(&str, usize)> {
    let (head, number) = text.rsplit_once(':')?;
    Some((head, number.parse().ok()?))
}

/// Indexes of the sites that `text` names among those of all roots, as (root, site).
pub(crate) fn pick(text: &str, roots: &[&[Site]]) -> Result<Vec<(usize, usize)>, Fault> {
    let expected = "expected PATH:LINE, PATH:LINE:COLUMN, Kind/namespace/name, Kind/name or an id";
    let wanted = Wanted::parse(text).ok_or_else(|| Fault::bad_value("--explain", text, expected))?;
    let all = || {
        roots.iter().enumerate().flat_map(|(root, sites)| {
            sites.iter().enumerate().map(move |(index, site)| ((root, index), site))
        })
    };
    let found: Vec<_> = all().filter(|(_, site)| wanted.matches(site)).map(|(index, _)| index).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let mut near: Vec<_> = all().map(|(_, site)| (wanted.distance(site), site)).collect();
    near.sort_by_key(|(distance, site)| (*distance, &site.spot.at));
    near.dedup_by_key(|(_, site)| &site.spot.at);
    let mut message = format!("no site at `{text}`");
    if near.is_empty() {
        message.push_str("; there are none in these files");
    } else {
        message.push_str("; the nearest are");
    }
    for (_, site) in near.iter().take(SHOWN) {
        let Owner { kind, namespace, name } = &site.owner;
        let namespace = namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let at = &site.spot.at;
        message.push_str(&format!("\n  {}:{}  {kind}/{namespace}{name}", at.path, at.line));
    }
    Err(Fault::new(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flux_upgrade_core::locate::{Consumer, Frame, Part, SourceKey, Spot, Style};
    use flux_upgrade_core::{RepoPath, Span};

    fn site(path: &str, line: usize, kind: &str, namespace: Option<&str>, name: &str) -> Site {
        let path = RepoPath::parse(path).unwrap();
        let at = Location { path, span: Span::default(), line, column: 12 };
        let spot = Spot {
            at: at.clone(),
            raw: "1".into(),
            value: "1".into(),
            style: Style::Plain,
            frame: Frame::default(),
        };
        let owner = Owner { kind: kind.into(), namespace: namespace.map(Into::into), name: name.into() };
        let source = Ok(SourceKey::Oci { repository: "registry.example.com/a".into() });
        Site::alone(at, owner, ("spec.ref.tag", Part::Tag), spot, (Consumer::HelmOci, source))
    }

    fn sites() -> Vec<Site> {
        vec![
            site("apps/podinfo.yaml", 12, "HelmRelease", Some("apps"), "podinfo"),
            site("apps/podinfo.yaml", 40, "HelmRelease", Some("apps"), "web"),
            site("infra/podinfo.yaml", 7, "OCIRepository", None, "podinfo"),
        ]
    }

    #[test]
    fn sites_are_named_by_place_or_object() {
        let sites = sites();
        for (text, expected) in [
            ("apps/podinfo.yaml:12", vec![0]),
            ("./apps/podinfo.yaml:12:12", vec![0]),
            ("clusters/apps/podinfo.yaml:40", vec![1]),
            ("HelmRelease/apps/web", vec![1]),
            ("HelmRelease apps/web", vec![1]),
            ("helmrelease/podinfo", vec![0]),
            ("OCIRepository/podinfo", vec![2]),
        ] {
            let found = pick(text, &[&[], &sites]).unwrap();
            assert_eq!(found, expected.into_iter().map(|site| (1, site)).collect::<Vec<_>>(), "{text}");
        }
    }

    /// A field that two clusters fill in by a variable: the table names where each says it, JSON has an id for each.
    #[test]
    fn a_site_is_named_by_where_its_text_stands_and_by_its_id() {
        let mut sites: Vec<Site> =
            (0..2).map(|_| site("base/release.yaml", 9, "HelmRelease", Some("apps"), "web")).collect();
        for (number, (site, folder)) in sites.iter_mut().zip(["prod", "test"]).enumerate() {
            site.spot.at.path = RepoPath::parse(&format!("clusters/{folder}/vars.yaml")).unwrap();
            site.spot.at.line = 16;
            if number > 0 {
                site.id = format!("{}#{}", site.id, number + 1);
            }
        }
        for (text, expected) in [
            ("clusters/prod/vars.yaml:16", vec![0]),
            ("clusters/test/vars.yaml:16", vec![1]),
            ("./clusters/test/vars.yaml:16:12", vec![1]),
            ("base/release.yaml:9", vec![0, 1]),
            ("base/release.yaml:9:12#2", vec![1]),
            ("fleet/base/release.yaml:9:12#2", vec![1]),
        ] {
            let found = pick(text, &[&sites]).unwrap();
            assert_eq!(found, expected.into_iter().map(|site| (0, site)).collect::<Vec<_>>(), "{text}");
        }
        let message = pick("clusters/test/vars.yaml:20", &[&sites]).unwrap_err().to_string();
        let nearest = message.lines().nth(1).map(str::trim);
        assert_eq!(nearest, Some("clusters/test/vars.yaml:16  HelmRelease/apps/web"));
        assert!(pick("base/release.yaml:9:12#3", &[&sites]).is_err());
    }

    #[test]
    fn an_unknown_site_is_answered_with_the_nearest() {
        let sites = sites();
        for (text, nearest) in [
            ("apps/podinfo.yaml:38", "apps/podinfo.yaml:40  HelmRelease/apps/web"),
            ("apps/podinfo.yaml:12:1", "apps/podinfo.yaml:12  HelmRelease/apps/podinfo"),
            ("app/podinfo.yaml:12", "apps/podinfo.yaml:12  HelmRelease/apps/podinfo"),
            ("OCIRepository/podinf", "infra/podinfo.yaml:7  OCIRepository/podinfo"),
            ("HelmRelease/aps/web", "apps/podinfo.yaml:40  HelmRelease/apps/web"),
        ] {
            let message = pick(text, &[&sites]).unwrap_err().to_string();
            assert_eq!(message.lines().nth(1).map(str::trim), Some(nearest), "{message}");
        }
        assert!(pick("Kind/x", &[]).unwrap_err().to_string().contains("there are none"));
    }

    #[test]
    fn another_form_gets_a_caret() {
        for text in ["podinfo", "", "a/b/c/d", "/x"] {
            let message = pick(text, &[&sites()]).unwrap_err().to_string();
            assert!(message.contains('^') && message.contains("PATH:LINE"), "{message}");
        }
    }
}
