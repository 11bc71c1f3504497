//! Ranges, locks, rollbacks and conversions over one entry: what to do is a word in the request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{Content, Fault, failed, files, read, rules, sort};
use crate::convert::{self, To, Wanted};
use crate::diagnostic::Diagnostic;
use crate::patch::{PatchSet, diff};
use crate::plan::Plan;
use crate::ranges::lock::{LOCK_FILE, Lock, LockError, update};
use crate::resolve::{Resolver, Snapshot, from_snapshot};
use crate::rules::{Overrides, Rules};
use crate::text::{RepoPath, SourceFile};
use crate::{Inventory, ranges, report, scan};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'r> {
    #[serde(rename = "do")]
    what: String,
    files: BTreeMap<String, Content>,
    #[serde(borrow)]
    snapshot: Option<&'r RawValue>,
    /// The lock as it is, or the one to go back to.
    lock: Option<String>,
    #[serde(default)]
    options: Options,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Options {
    flux_version: Option<String>,
    now: Option<String>,
    only: Vec<String>,
    config: Option<String>,
    /// The lock of today, for a rollback.
    today: Option<String>,
    sites: Vec<String>,
    to: Option<String>,
    range: Option<String>,
    home: Option<String>,
    remove_orphans: bool,
    begin: bool,
}

impl From<LockError> for Box<Fault> {
    fn from(error: LockError) -> Self {
        Box::new(Fault {
            code: error.code.to_owned(),
            message: error.message,
            help: Some(error.help),
            path: Some(error.at.path.to_string()),
            line: Some(error.at.line),
            column: Some(error.at.column),
        })
    }
}

/// Says what floats, locks it, goes back to a lock, or converts: `do` is `survey`, `lock`, `rollback` or `convert`.
///
/// ```json
/// {"do": "survey", "files": {"path": "text"}, "snapshot": {…}, "options": {"fluxVersion", "now", "only", "config"}}
/// {"do": "lock", …, "lock": "the text of flux-upgrade.lock, if there is one"}
/// {"do": "rollback", "files", "lock": "the text to go back to", "options": {"only", "today": "the text of today's lock"}}
/// {"do": "convert", …, "options": {"sites": ["OCIRepository/podinfo"], "to": "pin|range|automation|oci", "range", "home", "removeOrphans", "begin"}}
/// ```
///
/// The answers are `{"ranges": …}`, `{"check": …, "text": "the lock"}`, and for the last two `{"plan", "diff", "markdown",
/// "patched"}` as of [`plan`](super::plan()); or `{"error": …}`. Sources are answered from the snapshot alone.
///
/// # Examples
///
/// ```
/// let answer = flux_upgrade_core::bridge::ranges(r#"{"do": "lock", "files": {}}"#);
/// assert!(answer.contains("flux-upgrade/lock/v1"));
/// ```
#[must_use]
pub fn ranges(request: &str) -> String {
    let print =
        |answer: Answer| serde_json::to_string(&answer).map_err(|error| Fault::new("internal", error));
    run(request).and_then(print).unwrap_or_else(failed)
}

/// The parts of an answer; each is printed as the reports print it.
type Answer = BTreeMap<&'static str, Box<RawValue>>;

fn run(request: &str) -> Result<Answer, Box<Fault>> {
    let request: Request<'_> =
        serde_json::from_str(request).map_err(|error| Fault::new("request.syntax", error))?;
    let (files, unread) = files(request.files)?;
    let snapshot = request.snapshot.filter(|raw| raw.get() != "null");
    let snapshot = snapshot.map(|raw| Snapshot::parse(raw.get())).transpose()?;
    let options = request.options;
    let now = read("now", options.now.clone())?.or(snapshot.as_ref().and_then(Snapshot::taken));
    let (flux_version, only) = (options.flux_version.clone(), options.only.clone());
    let flags = Overrides { now, flux_version, only, ..Overrides::default() };
    let rules = rules(&files, options.config.as_deref())?.with(flags)?;
    let inventory = scan(&files);
    let job = Job {
        files: &files,
        unread: &unread,
        inventory: &inventory,
        snapshot: snapshot.as_ref(),
        rules: &rules,
    };
    match request.what.as_str() {
        "survey" => Ok(Answer::from([("ranges", raw(report::ranges_json(&job.survey(), None))?)])),
        "lock" => {
            let old = request.lock.as_deref().map(lock).transpose()?;
            let update = update(old.as_ref(), &job.survey(), &rules);
            Ok(Answer::from([
                ("check", raw(report::lock_json(&update, None))?),
                ("text", value(&update.lock.text())?),
            ]))
        }
        "rollback" => {
            let Some(then) = request.lock.as_deref() else {
                return Err(Fault::new(
                    "request.syntax",
                    "a rollback without `lock`, the text to go back to",
                ));
            };
            let today = options.today.as_deref().map(lock).transpose()?;
            let (mut plan, set) = ranges::rollback(&inventory, &lock(then)?, today.as_ref(), &rules);
            job.planned(&mut plan, &set)
        }
        "convert" => job.convert(options),
        other => {
            let wanted = "`survey`, `lock`, `rollback` or `convert`";
            Err(Fault::new("request.syntax", format!("`do` is `{other}`: {wanted} was expected")))
        }
    }
}

struct Job<'a, 'f> {
    files: &'f [SourceFile],
    /// Findings about files that are no text.
    unread: &'a [Diagnostic],
    inventory: &'a Inventory<'f>,
    snapshot: Option<&'a Snapshot>,
    rules: &'a Rules,
}

impl Job<'_, '_> {
    fn ask(&self, sites: &[crate::locate::Site]) -> crate::resolve::Resolution {
        from_snapshot(Resolver::new(sites, self.rules).standing(), self.snapshot)
    }

    fn survey(&self) -> ranges::Survey {
        let sites = ranges::sites(self.inventory);
        let resolution = self.ask(&sites);
        let mut survey = ranges::survey(self.inventory, sites, &resolution, self.rules);
        survey.diagnostics.extend_from_slice(self.unread);
        sort(&mut survey.diagnostics);
        survey
    }

    fn convert(&self, options: Options) -> Result<Answer, Box<Fault>> {
        let value = |name: &str, error: String| Fault::new("options.value", format!("`{name}`: {error}"));
        let to = match options.to.as_deref() {
            Some("pin") => To::Pin,
            Some("range") => To::Range(options.range),
            Some("automation") => To::Automation { range: options.range, begin: options.begin },
            Some("oci") => To::Oci { home: options.home, remove_orphans: options.remove_orphans },
            other => {
                let found = other.unwrap_or("");
                return Err(value(
                    "to",
                    format!("`{found}`: `pin`, `range`, `automation` or `oci` was expected"),
                ));
            }
        };
        let wanted: Vec<Wanted> = options
            .sites
            .iter()
            .map(|text| text.parse().map_err(|error: convert::WantedError| value("sites", error.to_string())))
            .collect::<Result<_, _>>()?;
        let sites = convert::sites(self.inventory, &wanted, &to);
        let before = self.ask(&sites);
        let conversion = convert::draft(self.inventory, sites, &to, &before, self.rules);
        let after = self.ask(conversion.sites());
        let (mut plan, set) = conversion.prove(self.inventory, &after, self.rules);
        self.planned(&mut plan, &set)
    }

    fn planned(&self, plan: &mut Plan, set: &PatchSet) -> Result<Answer, Box<Fault>> {
        plan.diagnostics.extend_from_slice(self.unread);
        sort(&mut plan.diagnostics);
        let patched: BTreeMap<&str, &str> =
            set.files.iter().map(|file| (file.path.as_str(), file.after.as_str())).collect();
        let diff = diff::unified(self.files, set).map_err(|error| Fault::new(error.code(), error))?;
        Ok(Answer::from([
            ("plan", raw(report::json(self.files, plan, set, None))?),
            ("diff", value(&diff)?),
            ("markdown", value(&report::markdown(plan))?),
            ("jsonPatch", raw(report::json_patch(self.files, set))?),
            ("patched", value(&patched)?),
        ]))
    }
}

fn lock(text: &str) -> Result<Lock, Box<Fault>> {
    let path = RepoPath::parse(LOCK_FILE).ok_or_else(|| Fault::new("internal", "no path"))?;
    Ok(Lock::parse(&path, text)?)
}

/// A text that is JSON already.
fn raw(text: String) -> Result<Box<RawValue>, Box<Fault>> {
    RawValue::from_string(text.trim_end().to_owned()).map_err(|error| Fault::new("internal", error))
}

fn value(value: &impl Serialize) -> Result<Box<RawValue>, Box<Fault>> {
    to_raw_value(value).map_err(|error| Fault::new("internal", error))
}
