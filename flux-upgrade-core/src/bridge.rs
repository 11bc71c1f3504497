//! One JSON text in, one JSON text out: what the Python and JavaScript packages call.
//!
//! ```json
//! {"files": {"apps/podinfo.yaml": "…", "apps/latin.yaml": [99, 233]}, "snapshot": {"schema": "flux-upgrade/registry-snapshot/v1"},
//!  "options": {"allow": "minor", "prerelease": false, "ranges": "keep", "digests": "update", "minAge": "3d",
//!              "asOf": "2026-08-01", "now": "2026-08-22T10:00:00Z", "fluxVersion": "2.9", "only": ["apps/**"],
//!              "config": "version: 1", "renovate": true, "marked": false}}
//! ```
//!
//! A file is a text, or the bytes of what is none, for which the plan has a finding.
//!
//! With `marked` only the fields with a `$imagepolicy` marker are planned.
//!
//! [`plan()`] has the answers of sources from a snapshot. [`Session`] asks them, over whatever carries its requests; `sources` says how:
//! `{"allowHosts": ["registry.internal"], "maxIndexBytes": 52428800, "record": false}`; with `record` it also asks what
//! [`ranges()`](ranges()) needs, for a snapshot that serves both.
//!
//! The answer is `{"plan": …, "diff": "…", "markdown": "…", "jsonPatch": …, "patched": {"path": "…"}}`, or
//! `{"error": {"code", "message", "help"?, "path"?, "line"?, "column"?}}`.

#[cfg(feature = "native")]
mod native;
mod ranges;
mod session;

use std::collections::BTreeMap;

#[cfg(feature = "native")]
pub(crate) use native::plan_asking;
pub use ranges::ranges;
pub use session::Session;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::diagnostic::Diagnostic;
use crate::flux;
use crate::guard::{AllowHost, Guard, GuardOptions, Setting};
use crate::locate::Site;
use crate::migrate::{Goal, KNOWN, Preflight};
use crate::patch::diff;
use crate::report;
use crate::resolve::{Resolution, Snapshot, SnapshotError, offline};
use crate::rules::{FlagError, Overrides, Renovate, Rules, RulesError};
use crate::text::{RepoPath, SourceFile};
use crate::version::{FluxMinor, Version};
use crate::wire::Limits;
use crate::{Inventory, automate, locate, migrate, patch, scan};

/// The name under which rules are looked for among the files.

#[derive(Deserialize)]
struct Request<'r> {
    files: BTreeMap<String, Content>,
    #[serde(borrow)]
    snapshot: Option<&'r RawValue>,
    #[serde(default)]
    options: Options,
    #[serde(default)]
    sources: Sources,
}

/// What a file holds: a JSON string, or an array of bytes.
struct Content(Vec<u8>);

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> serde::de::Visitor<'de> for Read {
            type Value = Content;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text, or an array of bytes")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Content, E> {
                Ok(Content(text.as_bytes().to_vec()))
            }

            fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Content, E> {
                Ok(Content(text.into_bytes()))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Content, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = list.next_element()? {
                    bytes.push(byte);
                }
                Ok(Content(bytes))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// How sources are asked, where they are.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Sources {
    /// Hosts and networks that may be asked whatever they are.
    allow_hosts: Vec<String>,
    /// The largest chart index, in bytes.
    max_index_bytes: Option<u64>,
    /// Questions asked at once, in all.
    #[cfg_attr(not(feature = "native"), allow(dead_code))]
    pub(crate) concurrency: Option<usize>,
    /// Whether to ask also what `ranges`, `lock` and `convert` need, for a snapshot that serves them.
    record: bool,
    /// Seconds for one request.
    #[cfg_attr(not(feature = "native"), allow(dead_code))]
    pub(crate) timeout: Option<f64>,
    /// Whether Secrets that stand unencrypted among the files may be used.
    #[cfg_attr(not(feature = "native"), allow(dead_code))]
    pub(crate) repository_secrets: bool,
}

impl Sources {
    fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits { index_bytes: self.max_index_bytes.unwrap_or(default.index_bytes), ..default }
    }

    fn guard(&self) -> Result<Guard, Box<Fault>> {
        let parse = |text: &String| {
            text.parse::<AllowHost>().map_err(|error| {
                let help = Some(error.excerpt());
                Box::new(Fault { help, ..*Fault::new("options.value", format!("`allowHosts`: {error}")) })
            })
        };
        let allow = self.allow_hosts.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Guard::new(GuardOptions { allow, setting: Setting::Server }))
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Options {
    allow: Option<String>,
    prerelease: Option<bool>,
    ranges: Option<String>,
    digests: Option<String>,
    min_age: Option<String>,
    as_of: Option<String>,
    now: Option<String>,
    flux_version: Option<String>,
    only: Vec<String>,
    config: Option<String>,
    marked: bool,
    renovate: Option<bool>,
}

#[derive(Deserialize)]
struct MigrateRequest {
    files: BTreeMap<String, Content>,
    #[serde(default)]
    options: MigrateOptions,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct MigrateOptions {
    to: Option<String>,
    from: Option<String>,
    kubernetes: Option<String>,
}

#[derive(Serialize)]
struct MigrateAnswer<'a> {
    migration: &'a RawValue,
    diff: String,
    patched: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    plan: &'a RawValue,
    diff: String,
    markdown: String,
    json_patch: &'a RawValue,
    patched: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize, Default)]
struct Fault {
    code: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
}

impl Fault {
    fn new(code: &str, message: impl ToString) -> Box<Self> {
        Box::new(Self { code: code.to_owned(), message: message.to_string(), ..Self::default() })
    }
}

impl From<RulesError> for Box<Fault> {
    fn from(error: RulesError) -> Self {
        Box::new(Fault {
            code: error.code.to_owned(),
            message: error.message,
            help: error.help,
            path: Some(error.at.path.to_string()),
            line: Some(error.at.line),
            column: Some(error.at.column),
        })
    }
}

impl From<SnapshotError> for Box<Fault> {
    fn from(error: SnapshotError) -> Self {
        Fault::new(error.code(), error)
    }
}

impl From<FlagError> for Box<Fault> {
    fn from(error: FlagError) -> Self {
        let help = Some(error.help.clone());
        Box::new(Fault { help, ..*Fault::new("options.value", error) })
    }
}

/// Plans texts against a registry snapshot; see the module for the shapes.
///
/// Every failure is an answer with `error`; nothing panics. Without a snapshot every source is unanswered.
///
/// # Examples
///
/// ```
/// let answer = flux_upgrade_core::bridge::plan(r#"{"files": {"a.yaml": "kind: x"}}"#);
/// assert!(answer.starts_with(r#"{"plan":"#));
/// assert!(flux_upgrade_core::bridge::plan("nonsense").contains(r#""code":"request.syntax""#));
/// ```
#[must_use]
pub fn plan(request: &str) -> String {
    run(request).unwrap_or_else(failed)
}

fn failed(fault: Box<Fault>) -> String {
    serde_json::json!({ "error": fault }).to_string()
}

/// Renders Flux's manifests from a release archive: `{"version": "v2.9.4", "options": {"namespace": "gitops"}}` gives `{"text": "…"}`.
///
/// `archive` is the release's `manifests.tar.gz`. The options are those of [`flux::Options`] in camel case; lists are arrays, or texts with
/// commas. Failures are answers with `error`, as for [`plan()`].
///
/// # Examples
///
/// ```
/// let answer = flux_upgrade_core::bridge::render_flux(b"", r#"{"version": "v2.9.4"}"#);
/// assert!(answer.contains(r#""code":"archive.unreadable""#));
/// ```
#[must_use]
pub fn render_flux(archive: &[u8], request: &str) -> String {
    let answer = rendered(archive, request).map(|text| serde_json::json!({ "text": text }));
    answer.unwrap_or_else(|fault| serde_json::json!({ "error": fault })).to_string()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RenderRequest {
    version: String,
    #[serde(default)]
    options: BTreeMap<String, Value>,
}

fn rendered(archive: &[u8], request: &str) -> Result<String, Box<Fault>> {
    let mut request: RenderRequest =
        serde_json::from_str(request).map_err(|error| Fault::new("request.syntax", error))?;
    let mut options = flux::Options::default();
    for flag in flux::Options::FLAGS {
        let given = request.options.remove(&camel_case(flag)).unwrap_or_default();
        let text = match given {
            Value::Null => continue,
            Value::Bool(value) => value.to_string(),
            Value::String(text) => text,
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
            other => other.to_string(),
        };
        options.set(flag, &text).map_err(|error| Fault::new(error.code(), error))?;
    }
    if let Some(unknown) = request.options.keys().next() {
        return Err(Fault::new("options.value", format!("`{unknown}` is no option of `flux install`")));
    }
    let release =
        flux::Release::read(&request.version, archive).map_err(|error| Fault::new(error.code(), error))?;
    flux::render(&release, &options).map_err(|error| Fault::new(error.code(), error))
}

/// `log-level` as `logLevel`.
fn camel_case(flag: &str) -> String {
    let mut parts = flag.split('-');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (first, rest) = part.split_at(1.min(part.len()));
        out.push_str(&first.to_ascii_uppercase());
        out.push_str(rest);
    }
    out
}

/// Moves manifests to the API versions of a Flux release.
///
/// The request is `{"files": {"path": "text"}, "options": {"to": "2.9", "from": "2.8", "kubernetes": "1.34.1"}}`, every
/// option may be absent. The answer is `{"migration": …, "diff": "…", "patched": {"path": "…"}}`, or `error` as for
/// [`plan`].
///
/// # Examples
///
/// ```
/// let answer = flux_upgrade_core::bridge::migrate(r#"{"files": {"a.yaml": "kind: x"}, "options": {"to": "v2.9"}}"#);
/// assert!(answer.starts_with(r#"{"migration":{"#) && answer.contains(r#""flux-upgrade/migration/v1""#));
/// ```
#[must_use]
pub fn migrate(request: &str) -> String {
    run_migrate(request).unwrap_or_else(|fault| {
        serde_json::json!({ "error": serde_json::to_value(fault).unwrap_or_default() }).to_string()
    })
}

fn run_migrate(request: &str) -> Result<String, Box<Fault>> {
    let request: MigrateRequest =
        serde_json::from_str(request).map_err(|error| Fault::new("request.syntax", error))?;
    let (files, unread) = files(request.files)?;
    let options = request.options;
    let (to, from) = (minor("to", options.to)?, minor("from", options.from)?);
    let to = to.unwrap_or(KNOWN.1);
    let goal = match from {
        Some(from) => Goal::step(from, to),
        None => Goal::release(to),
    };
    let goal = goal.ok_or_else(|| Fault::new("internal", "no goal"))?;
    let kubernetes = options.kubernetes.map(|text| {
        Version::parse(&text).map_err(|error| Fault::new("options.value", format!("`kubernetes`: {error}")))
    });
    let mut migration = migrate::migrate(&files, &goal);
    migration.findings.extend(unread);
    sort(&mut migration.findings);
    let asked = Preflight { from, to: Some(to), kubernetes: kubernetes.transpose()? };
    let json = report::migration_json(&migration, &goal, &migrate::beside_migration(&files, &asked), None);
    let raw: &RawValue = serde_json::from_str(&json).map_err(|error| Fault::new("internal", error))?;
    let set = &migration.set;
    let answer = MigrateAnswer {
        migration: raw,
        diff: diff::unified(&files, set).map_err(|error| Fault::new(error.code(), error))?,
        patched: set.files.iter().map(|file| (file.path.as_str(), file.after.as_str())).collect(),
    };
    serde_json::to_string(&answer).map_err(|error| Fault::new("internal", error))
}

/// A Flux minor that is known.
fn minor(name: &str, text: Option<String>) -> Result<Option<FluxMinor>, Box<Fault>> {
    let read = |text: String| {
        let minor = text.parse::<FluxMinor>().ok().filter(|minor| Goal::release(*minor).is_some());
        minor.ok_or_else(|| {
            let known = format!("a Flux minor from {} to {} was expected", KNOWN.0, KNOWN.1);
            Fault::new("options.value", format!("`{name}`: `{text}`: {known}"))
        })
    };
    text.map(read).transpose()
}

fn run(request: &str) -> Result<String, Box<Fault>> {
    let request = Request::read(request)?;
    let snapshot = request.snapshot.filter(|raw| raw.get() != "null");
    let snapshot = snapshot.map(|raw| Snapshot::parse(raw.get())).transpose()?;
    let (files, unread) = files(request.files)?;
    let marked = request.options.marked;
    let rules = rules_of(&files, request.options, snapshot.as_ref().and_then(Snapshot::taken))?;
    let inventory = scan(&files);
    let sites = sites_of(&inventory, marked);
    let resolution = offline(&sites, &rules, snapshot.as_ref());
    planned((&inventory, &unread), sites, &resolution, &rules)
}

impl<'r> Request<'r> {
    fn read(text: &'r str) -> Result<Self, Box<Fault>> {
        serde_json::from_str(text).map_err(|error| Fault::new("request.syntax", error))
    }
}

/// What is planned while sources are asked.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) files: Vec<SourceFile>,
    /// Findings about files that are no text.
    unread: Vec<Diagnostic>,
    pub(crate) rules: Rules,
    /// The sites of the plan, then those that are asked for a snapshot alone.
    pub(crate) sites: Vec<Site>,
    /// How many are of the plan.
    pub(crate) planned: usize,
    pub(crate) sources: Sources,
    /// Whether the rules are those that the caller gave as an option.
    #[cfg(feature = "native")]
    pub(crate) has_config: bool,
}

impl Prepared {
    fn read(request: &str) -> Result<Self, Box<Fault>> {
        let request = Request::read(request)?;
        #[cfg(feature = "native")]
        let has_config = request.options.config.is_some();
        let sources = request.sources;
        let (files, unread) = files(request.files)?;
        let marked = request.options.marked;
        let rules = rules_of(&files, request.options, None)?;
        let inventory = scan(&files);
        let mut sites = sites_of(&inventory, marked);
        let planned = sites.len();
        if sources.record {
            sites.extend(crate::ranges::recorded(&inventory));
        }
        Ok(Self {
            files,
            unread,
            rules,
            sites,
            planned,
            sources,
            #[cfg(feature = "native")]
            has_config,
        })
    }

    /// The answer to the request.
    fn planned(&self, resolution: &Resolution) -> Result<String, Box<Fault>> {
        // Read again: what was read borrows the files, which wait here while others answer.
        let sites = self.sites[..self.planned].to_vec();
        planned((&scan(&self.files), &self.unread), sites, resolution, &self.rules)
    }
}

/// Every site, or only the fields with a `$imagepolicy` marker.
fn sites_of(inventory: &Inventory<'_>, marked: bool) -> Vec<Site> {
    if marked { automate::sites(inventory) } else { locate(inventory) }
}

fn planned(
    (inventory, unread): (&Inventory<'_>, &[Diagnostic]),
    sites: Vec<Site>,
    resolution: &Resolution,
    rules: &Rules,
) -> Result<String, Box<Fault>> {
    let mut plan = crate::plan::plan(inventory, sites, resolution, rules);
    plan.diagnostics.extend_from_slice(unread);
    sort(&mut plan.diagnostics);
    let files = inventory.files;
    let set = patch(files, &plan);
    let json = report::json(files, &plan, &set, None);
    let patches = report::json_patch(files, &set);
    let raw = |text| serde_json::from_str::<&RawValue>(text).map_err(|error| Fault::new("internal", error));
    let answer = Answer {
        plan: raw(&json)?,
        json_patch: raw(&patches)?,
        diff: diff::unified(files, &set).map_err(|error| Fault::new(error.code(), error))?,
        markdown: report::markdown(&plan),
        patched: set.files.iter().map(|file| (file.path.as_str(), file.after.as_str())).collect(),
    };
    serde_json::to_string(&answer).map_err(|error| Fault::new("internal", error))
}

fn rules_of(
    files: &[SourceFile],
    options: Options,
    taken: Option<crate::time::Timestamp>,
) -> Result<Rules, Box<Fault>> {
    let mut rules = rules(files, options.config.as_deref())?;
    if options.renovate != Some(false) && rules.reads_renovate() {
        rules = rules.over(Renovate::among(files)?.unwrap_or_default());
    }
    Ok(rules.with(overrides(options, taken)?)?)
}

/// Findings in the order of a plan's.
fn sort(findings: &mut [Diagnostic]) {
    findings.sort_by(|a, b| (&a.at, a.code, &a.message).cmp(&(&b.at, b.code, &b.message)));
}

/// The files that are texts, and a finding for each of the others.
fn files(contents: BTreeMap<String, Content>) -> Result<(Vec<SourceFile>, Vec<Diagnostic>), Box<Fault>> {
    let (mut files, mut unread) = (Vec::new(), Vec::new());
    for (name, Content(bytes)) in contents {
        let wrong = || {
            let fault = Fault::new("request.path", format!("`{name}` is no path inside the repository"));
            let help = "paths are relative to the repository, with `/`, and stay inside it";
            Box::new(Fault { help: Some(help.to_owned()), ..*fault })
        };
        match SourceFile::from_bytes(RepoPath::parse(&name).ok_or_else(wrong)?, bytes) {
            Ok(file) => files.push(file),
            Err(finding) => unread.push(*finding),
        }
    }
    Ok((files, unread))
}

/// The rules of the options, else of the rules file among the files, else the defaults.
fn rules(files: &[SourceFile], config: Option<&str>) -> Result<Rules, Box<Fault>> {
    let is_other = |file: &&SourceFile| Rules::OTHER_NAMES.contains(&file.path.as_str());
    if let Some(other) = files.iter().find(is_other).filter(|_| config.is_none()) {
        let fault = Fault::new(
            "rules.file-name",
            format!("`{}` is not read: rules stand in `{}`", other.path, Rules::FILE),
        );
        return Err(Box::new(Fault {
            help: Some("rename it, or give its text as `config`".to_owned()),
            ..*fault
        }));
    }
    let named = RepoPath::parse(Rules::FILE).ok_or_else(|| Fault::new("internal", "no path"))?;
    let text = config.or_else(|| Some(files.iter().find(|file| file.path == named)?.text.as_str()));
    Ok(text.map_or(Ok(Rules::default()), |text| Rules::parse(&named, text))?)
}

fn overrides(options: Options, taken: Option<crate::time::Timestamp>) -> Result<Overrides, Box<Fault>> {
    Ok(Overrides {
        allow: read("allow", options.allow)?,
        prerelease: options.prerelease,
        ranges: read("ranges", options.ranges)?,
        digests: read("digests", options.digests)?,
        minimum_age: read("minAge", options.min_age)?,
        as_of: read("asOf", options.as_of)?,
        now: read("now", options.now)?.or(taken),
        flux_version: options.flux_version,
        only: options.only,
    })
}

/// The value of an option, if it is there.
fn read<T: std::str::FromStr<Err: std::fmt::Display>>(
    name: &str,
    text: Option<String>,
) -> Result<Option<T>, Box<Fault>> {
    let parse = |text: String| {
        text.parse().map_err(|error: T::Err| Fault::new("options.value", format!("`{name}`: {error}")))
    };
    text.map(parse).transpose()
}
