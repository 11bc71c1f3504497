//! A chart of a HelmRepository to an OCIRepository of its own, which the release names in `chartRef`.
//!
//! The OCIRepository stands beside the HelmRepository, in its file and namespace, where the credentials are.
//!
//! Source: OCIRepository and HelmRelease spec pages; a `chartRef` may name another namespace, as a `sourceRef` may.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::place;
use super::{Converted, Place};
use crate::diagnostic::{Diagnostic, Severity};
use crate::locate::{CHART_LAYER, Consumer, Part, Site};
use crate::patch::Edit;
use crate::plan::{Reason, Standing, preferred_quote};
use crate::ranges::Owners;
use crate::resolve::select::{chart_tag, literal_chart_tag};
use crate::scan::{Inventory, Kind, Resource};
use crate::text::{Lines, SourceFile, Span};
use crate::yaml::{Comments, Document, Node, Quote, encode, parse, split};

pub(super) struct Charts<'a, 'f> {
    inventory: &'a Inventory<'f>,
    owners: Owners<'a, 'f>,
    /// Names of OCIRepositories that are taken.
    names: BTreeSet<String>,
    /// New documents, by the HelmRepository that they stand beside.
    documents: BTreeMap<usize, Vec<String>>,
    /// Releases that no longer refer to their HelmRepository.
    moved: BTreeSet<usize>,
}

/// What an OCIRepository is made from, without its version.
const CHART_FIELDS: &[&str] = &["chart", "version", "sourceRef", "interval", "reconcileStrategy", "verify"];

/// Fields of a HelmRepository that an OCIRepository has as well.
const SHARED_FIELDS: &[&str] = &["provider", "secretRef", "certSecretRef", "insecure", "timeout"];

/// The type of a Secret that OCIRepositories and ImageRepositories log in with.
const LOGIN: &str = "kubernetes.io/dockerconfigjson";

/// Fields of a HelmRepository that are taken care of otherwise, or mean nothing to a registry.
const OTHER_FIELDS: &[&str] = &["interval", "type", "url", "passCredentials"];

/// Whether a site is the chart of a release, and of an index only where a home is given.
pub(super) fn applies(site: &Site, home: Option<&str>) -> Result<(), Reason> {
    let requires = |detail: &str| Err(Reason::Requires { detail: detail.to_owned() });
    match site.consumer {
        _ if site.owner.kind != Kind::HelmRelease.name() || site.field != "spec.chart.spec.version" => {
            requires("a HelmRelease with a chart of a HelmRepository")
        }
        Consumer::HelmOci => Ok(()),
        Consumer::HelmIndex if home.is_some() => Ok(()),
        Consumer::HelmIndex => requires("a home: where this chart is published as an OCI artifact"),
        _ => requires("a HelmRelease with a chart of a HelmRepository"),
    }
}

impl<'a, 'f> Charts<'a, 'f> {
    pub(super) fn new(inventory: &'a Inventory<'f>) -> Self {
        let sources = inventory.resources().iter().filter(|resource| resource.kind == Kind::OciRepository);
        Self {
            inventory,
            owners: Owners::new(inventory),
            names: sources.map(|source| source.name.clone()).collect(),
            documents: BTreeMap::new(),
            moved: BTreeSet::new(),
        }
    }

    /// The chart of a release, in its new form.
    pub(super) fn convert(
        &mut self,
        site: &Site,
        standing: &Standing,
        home: Option<&str>,
    ) -> Result<Converted, Reason> {
        let requires = |detail: String| Reason::Requires { detail };
        if let Some(reason) = &site.blocked {
            return Err(reason.clone());
        }
        if let Some(ignore) = &site.ignore {
            return Err(Reason::Ignored { by: format!("a comment at {}", ignore.at) });
        }
        let is_http = site.consumer == Consumer::HelmIndex;
        if site.variable.is_some() {
            return Err(requires("a version that is written here and not in a variable".to_owned()));
        }
        let inventory = self.inventory;
        let release = self.owners.of(site).filter(|release| !release.is_patch);
        let source = site
            .source_at
            .as_ref()
            .and_then(|at| inventory.resources().iter().find(|resource| inventory.location(resource) == *at));
        let (Some(release), Some(source)) = (release, source) else {
            return Err(requires("a release and a HelmRepository that stand in these files".to_owned()));
        };
        let patched = inventory.resources().iter().find(|patch| {
            let named = patch.name == release.name || patch.also.contains(&release.name);
            let chart = inventory.at(patch, &["spec", "chart"]).is_some()
                || inventory.at(patch, &["spec", "chart", "spec", "version"]).is_some();
            patch.is_patch && patch.kind == Kind::HelmRelease && named && chart
        });
        if let Some(patch) = patched {
            let at = inventory.location(patch);
            return Err(requires(format!("a release whose chart no patch changes, and {at} does")));
        }
        let patched = inventory.resources().iter().find(|patch| {
            let named = patch.name == source.name || patch.also.contains(&source.name);
            patch.is_patch && patch.kind == Kind::HelmRepository && named
        });
        if let Some(patch) = patched {
            let at = inventory.location(patch);
            return Err(requires(format!("a HelmRepository that no patch changes, and {at} does")));
        }
        let own = Object::read(inventory, release)
            .ok_or_else(|| requires("a document that can be read".to_owned()))?;
        let repository = Object::read(inventory, source)
            .ok_or_else(|| requires("a document that can be read".to_owned()))?;
        let (root, other) = (own.root(), repository.root());
        let chart =
            root.at(&["spec", "chart", "spec"]).ok_or_else(|| requires("a `chart.spec`".to_owned()))?;
        self.fits(root, chart, other, is_http)?;
        let name = chart.text_at(&["chart"]).unwrap_or_default();
        if name.contains("${") || other.text_at(&["spec", "url"]).is_some_and(|url| url.contains("${")) {
            return Err(requires("a chart and an address without variables".to_owned()));
        }
        let url = match home.filter(|_| is_http) {
            Some(home) => address(home, name).ok_or_else(|| {
                requires(format!("a home such as oci://registry.example.com/charts, and `{home}` is none"))
            })?,
            None => format!(
                "{}/{name}",
                other.text_at(&["spec", "url"]).unwrap_or_default().trim_end_matches('/')
            ),
        };
        let login = if is_http { None } else { login(inventory, source)? };
        let called = self.name(name, &release.name, site.owner.namespace.as_deref());
        let cut = own.cut(root, inventory.lines(inventory.held(release).file)).ok_or_else(|| {
            requires("a `chart` that stands on lines of its own, or in brackets".to_owned())
        })?;
        let version = self.version(site, standing, chart, is_http, &cut.of_version);
        let index = inventory.index_of(source).unwrap_or_default();
        let text = Writer {
            file: inventory.file_of(source).text.as_str(),
            lines: Lines::new(&inventory.file_of(source).text),
        };
        let namespace = other.text_at(&["metadata", "namespace"]);
        let document = text.document(&New {
            api: self.api_version(source),
            name: &called,
            namespace,
            interval: chart
                .text_at(&["interval"])
                .or_else(|| root.text_at(&["spec", "interval"]))
                .unwrap_or("10m"),
            url: &url,
            version,
            verify: chart.get("verify"),
            shared: if is_http { None } else { other.get("spec") },
        });
        let reference = chart.text_at(&["sourceRef", "namespace"]);
        let edit = cut.edit(inventory.file_of(release), &called, reference);
        self.names.insert(called.clone());
        self.documents.entry(index).or_default().push(document);
        self.moved.extend(inventory.index_of(release));
        let mut notes: Vec<String> = login.into_iter().collect();
        if is_http && other.at(&["spec", "secretRef"]).is_some() {
            notes.push("the credentials of the old repository are not taken along".to_owned());
        }
        Ok(Converted {
            to: format!("OCIRepository {called}"),
            edits: vec![edit],
            notes,
            other_digest: is_http,
            kept: false,
            begins: false,
            beside: Some(inventory.file_of(source).path.clone()),
            comments: Vec::new(),
            gone: Vec::new(),
            place: Place {
                kind: Kind::OciRepository.name().to_owned(),
                name: called,
                ..place(site, "spec.ref.tag")
            },
            after: None,
        })
    }

    /// That nothing would be lost.
    fn fits(
        &self,
        root: Node<'_, '_>,
        chart: Node<'_, '_>,
        source: Node<'_, '_>,
        is_http: bool,
    ) -> Result<(), Reason> {
        let requires = |detail: String| Err(Reason::Requires { detail });
        let unknown = |node: Node<'_, '_>, known: &[&str]| {
            let mut names = node.entries().filter_map(|(key, _)| key.text().map(str::to_owned));
            names.find(|name| !known.contains(&name.as_str()))
        };
        if root.at(&["spec", "chart"]).and_then(|chart| unknown(chart, &["spec"])).is_some() {
            return requires(
                "a chart without `metadata`, which an OCIRepository has no place for".to_owned(),
            );
        }
        if let Some(field) = unknown(chart, CHART_FIELDS) {
            return requires(format!("a chart without `{field}`, which an OCIRepository has no field for"));
        }
        let Some(spec) = source.get("spec") else { return Ok(()) };
        let known = [SHARED_FIELDS, OTHER_FIELDS].concat();
        if let Some(field) = unknown(spec, &known).filter(|_| !is_http) {
            return requires(format!(
                "a HelmRepository without `{field}`, which an OCIRepository has no field for"
            ));
        }
        let block = root.at(&["spec", "chart"]);
        if block.is_some_and(|block| block.below().any(|node| node.is_anchored() || node.is_tagged())) {
            return requires("a `chart` without anchors, which stand for texts elsewhere".to_owned());
        }
        if block.is_some_and(|block| block.is_alias()) {
            return requires("a `chart` that is written out, and no alias".to_owned());
        }
        Ok(())
    }

    /// A name that no OCIRepository has.
    fn name(&self, chart: &str, release: &str, namespace: Option<&str>) -> String {
        let is_free = |name: &String| !self.names.contains(name);
        let both = match namespace {
            Some(namespace) => format!("{namespace}-{release}"),
            None => format!("{release}-{chart}"),
        };
        let mut all = [chart, release, &both].into_iter().map(str::to_owned);
        let numbered = |number: usize| format!("{both}-{number}");
        all.find(is_free).or_else(|| (2..).map(numbered).find(is_free)).unwrap_or_else(|| both.clone())
    }

    /// The version of the API: as other OCIRepositories have it, else as the HelmRepository does, unless Flux is too old.
    ///
    /// Source: OCIRepository is served as `v1` from Flux 2.6 on, HelmRepository from 2.3 on.
    fn api_version(&self, source: &'a Resource) -> &'a str {
        let all = self.inventory.resources().iter();
        let other = all
            .filter(|other| other.kind == Kind::OciRepository && !other.is_patch)
            .map(|o| o.api_version.as_str());
        let old = self.inventory.flux.iter().any(|(_, version)| {
            version.parse::<crate::version::FluxMinor>().is_ok_and(|minor| {
                "2.6".parse::<crate::version::FluxMinor>().is_ok_and(|first| minor < first)
            })
        });
        other.max().unwrap_or(if old {
            "source.toolkit.fluxcd.io/v1beta2"
        } else {
            source.api_version.as_str()
        })
    }

    /// The key and the text of the version, with the comments that stood at it.
    fn version(
        &self,
        site: &Site,
        standing: &Standing,
        chart: Node<'_, '_>,
        is_http: bool,
        comments: &VersionComments,
    ) -> Version {
        let raw = chart.get("version").and_then(Node::resolved);
        let written = raw.and_then(Node::text).unwrap_or("*");
        let raw = raw.map(|node| node.span().of(node.document().text()).to_owned());
        let dialect = site.dialect.unwrap_or_default();
        let exact = match (is_http, site.part) {
            (true, Part::Version) => Some(chart_tag(&standing.resolved)),
            (true, _) => None,
            (false, _) => literal_chart_tag(written, dialect),
        };
        let key = if exact.is_some() { "tag" } else { "semver" };
        let text = exact.unwrap_or_else(|| written.to_owned());
        let text = match raw {
            Some(raw) if text == written => raw,
            _ => encode("x", Quote::Plain, &text, Quote::Double).unwrap_or(text),
        };
        Version { key, text, comments: comments.clone() }
    }

    /// The new documents in their files, and what is said of the HelmRepositories that they leave.
    pub(super) fn sources(&self, remove: bool) -> (Vec<Edit>, Vec<Diagnostic>) {
        let (mut edits, mut findings) = (Vec::new(), Vec::new());
        for (index, documents) in &self.documents {
            let source = &self.inventory.resources()[*index];
            let file = self.inventory.file_of(source);
            let is_orphan = !self.is_used(source);
            let Some(object) = Object::read(self.inventory, source) else { continue };
            let lines = Lines::new(&file.text);
            let end = lines.line_end();
            let removed = remove && is_orphan;
            if !removed {
                edits.push(append(file, &object, documents));
            }
            if is_orphan && !removed {
                let at = self.inventory.location(source);
                let message = format!("nothing refers to HelmRepository {} any more", source.name);
                let finding = Diagnostic::new("convert.orphan", Severity::Note, at, message);
                findings.push(finding.with_help("remove it, or convert with --remove-orphans"));
            }
            if removed {
                let comments: String =
                    object.all_comments().map(|comment| format!("{comment}{end}")).collect();
                let span = Span::new(object.start_of_body(), object.part.end);
                let joined = documents.join(&format!("---{end}"));
                edits.push(whole_lines(file, span, format!("{comments}{joined}")));
            }
        }
        (edits, findings)
    }

    /// Whether anything but the converted releases refers to a HelmRepository of this name.
    fn is_used(&self, source: &Resource) -> bool {
        let paths: [&[&str]; 2] = [&["spec", "chart", "spec", "sourceRef"], &["spec", "sourceRef"]];
        self.inventory.resources().iter().enumerate().any(|(index, resource)| {
            let names = |path: &&[&str]| {
                let reference = self.inventory.at(resource, path);
                reference.is_some_and(|reference| {
                    reference.text_at(&["kind"]) == Some("HelmRepository")
                        && reference
                            .text_at(&["name"])
                            .is_some_and(|name| name == source.name || name.contains("${"))
                })
            };
            !self.moved.contains(&index) && paths.iter().any(names)
        })
    }
}

/// What has to be true of the Secret of a HelmRepository, so that others can log in with it.
///
/// # Errors
///
/// Where it is another Secret by these files.
///
/// Source: HelmRepository spec page (a registry takes `username` and `password` as well), OCIRepository and ImageRepository
/// spec pages (`kubernetes.io/dockerconfigjson` alone).
pub(super) fn login(inventory: &Inventory<'_>, source: &Resource) -> Result<Option<String>, Reason> {
    let spec = inventory.at(source, &["spec"]);
    let Some(name) = spec.and_then(|spec| spec.text_at(&["secretRef", "name"])) else { return Ok(None) };
    if source.kind != Kind::HelmRepository {
        return Ok(None);
    }
    let said = format!("Secret {name} has to be of the type {LOGIN}");
    // Secrets are no objects of the inventory, which has nothing to do with what is in them.
    let is_here = |namespace: &str| {
        let mut own = source.placements.iter().filter_map(|place| place.namespace.as_deref());
        own.any(|own| own == namespace)
    };
    let secrets = inventory.files.iter().enumerate();
    let secrets = secrets.filter(|(_, file)| file.text.contains("Secret") && file.text.contains(name));
    let found = secrets.into_iter().find_map(|(number, file)| {
        split(&file.text).into_iter().find_map(|part| {
            let (documents, _) = parse(&file.text, part, Comments::Skip);
            let root = documents.first()?.root()?;
            let is_named = root.text_at(&["kind"]) == Some("Secret")
                && root.text_at(&["metadata", "name"]) == Some(name)
                && root.text_at(&["metadata", "namespace"]).is_none_or(is_here);
            let kind = root.text_at(&["type"]).unwrap_or("Opaque").to_owned();
            is_named.then(|| (inventory.lines(number).locate(&file.path, root.span()), kind))
        })
    });
    let Some((at, found)) = found else { return Ok(Some(said)) };
    if found == LOGIN {
        return Ok(None);
    }
    if found.starts_with("ENC[") {
        return Ok(Some(said));
    }
    Err(Reason::Requires { detail: format!("a Secret of the type {LOGIN}, and {name} at {at} is {found}") })
}

/// The address of a chart below a home, or at it.
fn address(home: &str, chart: &str) -> Option<String> {
    let home = home.trim_end_matches('/');
    let path = home
        .strip_prefix("oci://")
        .filter(|path| !path.is_empty() && !path.contains([' ', '"', '#', '\n']))?;
    let own = path.rsplit('/').next() == Some(chart) && path.contains('/');
    Some(if own { home.to_owned() } else { format!("{home}/{chart}") })
}

/// Comments on the line of the version and above it, with their `#`.
#[derive(Debug, Clone, Default)]
struct VersionComments {
    above: Vec<String>,
    beside: Option<String>,
}

struct Version {
    key: &'static str,
    text: String,
    comments: VersionComments,
}

/// The edit that writes documents below an object.
pub(super) fn append(file: &SourceFile, object: &Object<'_>, documents: &[String]) -> Edit {
    let end = Lines::new(&file.text).line_end();
    let at = object.part.end;
    let lead = if file.text[..at].ends_with(['\n', '\r']) { "" } else { end };
    let joined = documents.join(&format!("---{end}"));
    whole_lines(file, Span::new(at, at), format!("{lead}---{end}{joined}"))
}

/// An edit that ends with a line, but for a file whose last line has no end.
fn whole_lines(file: &SourceFile, span: Span, replace: String) -> Edit {
    let text = file.text.as_str();
    let bare = span.end == text.len() && !text.ends_with(['\n', '\r']);
    let replace = if bare { replace.trim_end_matches(['\n', '\r']).to_owned() } else { replace };
    Edit { path: file.path.clone(), span, expect: span.of(text).to_owned(), replace }
}

/// An object, read again with its comments.
pub(super) struct Object<'t> {
    document: Document<'t>,
    /// The part of the file that holds it.
    part: Span,
    text: &'t str,
}

impl<'t> Object<'t> {
    /// `None` where its part of the file holds more than it.
    pub(super) fn read(inventory: &Inventory<'t>, resource: &Resource) -> Option<Self> {
        let text = inventory.file_of(resource).text.as_str();
        let start = inventory.location(resource).span.start;
        let part = split(text).into_iter().find(|part| part.start <= start && start < part.end)?;
        let (mut documents, error) = parse(text, part, Comments::Keep);
        if error.is_some() || documents.len() != 1 {
            return None;
        }
        let document = documents.pop()?;
        (document.root()?.span().start == start && document.root()?.is_mapping()).then_some(Self {
            document,
            part,
            text,
        })
    }

    pub(super) fn root(&self) -> Node<'_, 't> {
        self.document.root().unwrap_or_else(|| unreachable!("it was there when it was read"))
    }

    /// After the marker line, if there is one.
    fn start_of_body(&self) -> usize {
        let part = self.part.of(self.text);
        let own = part.trim_start_matches('\u{feff}');
        let skipped = part.len() - own.len();
        if own.starts_with("---") {
            let line = own.find('\n').map_or(own.len(), |at| at + 1);
            // What stands on the line of the marker stays there, if that is nothing but a comment.
            return self.part.start + skipped + line;
        }
        self.part.start + skipped
    }

    fn all_comments(&self) -> impl Iterator<Item = &'t str> {
        let from = self.start_of_body();
        self.document
            .comments()
            .iter()
            .filter(move |comment| comment.span.start >= from)
            .map(|comment| comment.span.of(self.text))
    }

    /// What `chart:` takes up, and the comments in it.
    fn cut(&self, root: Node<'_, 't>, lines: &Lines<'_>) -> Option<Cut> {
        let spec = root.get("spec")?.resolved()?;
        let (key, value) = spec.entries().find(|(key, _)| key.text() == Some("chart"))?;
        let (line, _) = lines.position(key.span().start);
        let before = self.text.get(lines.line(line).start..key.span().start)?;
        let flow = spec.is_flow();
        if !flow && !before.trim().is_empty() {
            return None;
        }
        let mut end = value.span().end;
        let own = |span: Span| key.span().start <= span.start && span.start < end;
        let mut comments: Vec<Span> =
            self.document.comments().iter().map(|comment| comment.span).filter(|span| own(*span)).collect();
        if !flow && let Some(comment) = self.document.line_comment(end) {
            comments.push(comment.span);
            end = comment.span.end;
        }
        let version = value.at(&["spec", "version"]);
        let mut of_version = VersionComments::default();
        if let Some(version) = version {
            let beside = self.document.line_comment(version.span().end).filter(|_| !version.is_alias());
            let beside =
                beside.filter(|comment| comments.contains(&comment.span)).map(|comment| comment.span);
            let mut above: Vec<Span> =
                self.document.comments_above(version.span().start).map(|comment| comment.span).collect();
            above.retain(|span| comments.contains(span));
            above.reverse();
            comments.retain(|span| Some(*span) != beside && !above.contains(span));
            let text = |span: Span| span.of(self.text).to_owned();
            of_version =
                VersionComments { above: above.into_iter().map(text).collect(), beside: beside.map(text) };
        }
        Some(Cut {
            span: Span::new(key.span().start, end),
            indentation: if flow { None } else { Some(before.to_owned()) },
            comments: comments.into_iter().map(|span| span.of(self.text).to_owned()).collect(),
            of_version,
            end: lines.line_end().to_owned(),
        })
    }
}

/// The bytes of `chart` in a release.
struct Cut {
    span: Span,
    /// The blanks before the key; none inside brackets.
    indentation: Option<String>,
    comments: Vec<String>,
    of_version: VersionComments,
    end: String,
}

impl Cut {
    /// The edit that writes `chartRef` there.
    fn edit(&self, file: &SourceFile, name: &str, namespace: Option<&str>) -> Edit {
        let quote = preferred_quote(&file.text);
        let text = |value: &str| encode("x", Quote::Plain, value, quote).unwrap_or_else(|| value.to_owned());
        let mut fields = vec![("kind", "OCIRepository".to_owned()), ("name", text(name))];
        fields.extend(namespace.map(|namespace| ("namespace", text(namespace))));
        let replace = match &self.indentation {
            None => {
                let all: Vec<String> = fields.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("chartRef: {{{}}}", all.join(", "))
            }
            Some(indentation) => {
                let mut out = String::new();
                for comment in &self.comments {
                    out.push_str(&format!("{comment}{}{indentation}", self.end));
                }
                out.push_str("chartRef:");
                for (key, value) in fields {
                    out.push_str(&format!("{}{indentation}  {key}: {value}", self.end));
                }
                out
            }
        };
        Edit {
            path: file.path.clone(),
            span: self.span,
            expect: self.span.of(&file.text).to_owned(),
            replace,
        }
    }
}

/// A new OCIRepository.
struct New<'a, 'd, 't> {
    api: &'a str,
    name: &'a str,
    namespace: Option<&'a str>,
    interval: &'a str,
    url: &'a str,
    version: Version,
    verify: Option<Node<'d, 't>>,
    /// The `spec` of the HelmRepository, where its credentials are for the same registry.
    shared: Option<Node<'d, 't>>,
}

/// Writes documents as a file is written.
struct Writer<'t> {
    file: &'t str,
    lines: Lines<'t>,
}

impl Writer<'_> {
    fn document(&self, new: &New<'_, '_, '_>) -> String {
        let quote = preferred_quote(self.file);
        let text = |value: &str| encode("x", Quote::Plain, value, quote).unwrap_or_else(|| value.to_owned());
        let mut out: Vec<String> = vec![
            format!("apiVersion: {}", new.api),
            "kind: OCIRepository".to_owned(),
            "metadata:".to_owned(),
            format!("  name: {}", text(new.name)),
        ];
        out.extend(new.namespace.map(|namespace| format!("  namespace: {}", text(namespace))));
        out.extend([
            "spec:".to_owned(),
            format!("  interval: {}", text(new.interval)),
            format!("  url: {}", new.url),
            "  layerSelector:".to_owned(),
            format!("    mediaType: {CHART_LAYER}"),
            "    operation: copy".to_owned(),
            "  ref:".to_owned(),
        ]);
        out.extend(new.version.comments.above.iter().map(|comment| format!("    {comment}")));
        let beside =
            new.version.comments.beside.as_ref().map(|comment| format!(" {comment}")).unwrap_or_default();
        out.push(format!("    {}: {}{beside}", new.version.key, new.version.text));
        if let Some(verify) = new.verify {
            emit("verify", verify, 1, quote, &mut out);
        }
        for name in SHARED_FIELDS {
            if let Some(node) = new.shared.and_then(|spec| spec.get(name)) {
                emit(name, node, 1, quote, &mut out);
            }
        }
        let end = self.lines.line_end();
        out.join(end) + end
    }
}

/// A field with everything below it, in lines of their own; aliases are written out.
pub(super) fn emit(key: &str, node: Node<'_, '_>, depth: usize, quote: Quote, out: &mut Vec<String>) {
    let Some(node) = node.resolved() else { return };
    let blanks = "  ".repeat(depth);
    if node.is_mapping() {
        out.push(format!("{blanks}{key}:"));
        for (name, value) in node.entries() {
            emit(name.text().unwrap_or_default(), value, depth + 1, quote, out);
        }
    } else if node.is_sequence() {
        out.push(format!("{blanks}{key}:"));
        for item in node.items().filter_map(Node::resolved) {
            let at = out.len();
            if item.is_mapping() {
                for (name, value) in item.entries() {
                    emit(name.text().unwrap_or_default(), value, depth + 2, quote, out);
                }
            } else {
                out.push(format!("{blanks}    {}", scalar(item, quote)));
            }
            if let Some(first) = out.get_mut(at) {
                first.replace_range(blanks.len() + 2..blanks.len() + 3, "-");
            }
        }
    } else {
        out.push(format!("{blanks}{key}: {}", scalar(node, quote)));
    }
}

fn scalar(node: Node<'_, '_>, quote: Quote) -> String {
    match node.quote() {
        Some(Quote::Literal | Quote::Folded) | None => {
            let text = node.text().unwrap_or_default();
            encode("x", Quote::Plain, text, quote).unwrap_or_default()
        }
        Some(_) => node.span().of(node.document().text()).to_owned(),
    }
}
