//! Texts and repositories that want to bring the run down: each ends, on a small stack, with work and memory in
//! proportion to its size.
//!
//! Work is counted in calls of the allocator and bytes that it gave, at a size and at twice that size. Work that needs no
//! memory shows at the large sizes: what grows with the square of them does not end within [`PATIENCE`].
#![allow(clippy::print_stderr, reason = "a test tells what it does and may fail")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::{file, forms, patched, registry_for, run};
use flux_upgrade_core::resolve::offline;
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::{SourceFile, locate, patch, plan, scan};

/// Counts what each thread allocates.
struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

fn took(bytes: usize) {
    let live = LIVE.get() + bytes as i64;
    CALLS.set(CALLS.get() + 1);
    BYTES.set(BYTES.get() + bytes as u64);
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.set(LIVE.get() - layout.size() as i64);
        took(size);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How long a run may take; what is linear takes seconds.
const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 300 } else { 60 });

/// Smaller than the default of a thread by half, and than that of a process by seven eighths.
const STACK: usize = 1 << 20;

/// A size as it is in an optimised build; a tenth of it in others, which are ten times as slow.
const fn size(full: usize) -> usize {
    if cfg!(debug_assertions) { full / 10 } else { full }
}

/// What one stage allocated.
#[derive(Debug, Clone, Copy, Default)]
struct Work {
    calls: u64,
    bytes: u64,
    /// Most bytes held at one time, beyond those held before.
    peak: u64,
}

/// Runs `f` and counts what it allocates.
fn counted<T>(f: impl FnOnce() -> T) -> (T, Work) {
    let (calls, bytes, live) = (CALLS.get(), BYTES.get(), LIVE.get());
    PEAK.set(live);
    let out = f();
    let peak = (PEAK.get() - live).max(0) as u64;
    (out, Work { calls: CALLS.get() - calls, bytes: BYTES.get() - bytes, peak })
}

/// What a run found, and what each stage cost.
#[derive(Debug)]
struct Ran {
    input: u64,
    sites: usize,
    changes: usize,
    codes: Vec<(&'static str, usize)>,
    work: Vec<(&'static str, Work, Duration)>,
}

/// The whole pipeline over `files` on a thread with a small stack.
#[track_caller]
fn on_small_stack<T: Send + 'static>(name: &str, f: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let run = move || {
        let _ = sender.send(f());
    };
    let worker = thread::Builder::new().stack_size(STACK).spawn(run).expect("a thread");
    match receiver.recv_timeout(PATIENCE) {
        Ok(out) => out,
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            panic!("{name}: {:?}", worker.join().err().and_then(|panic| panic.downcast::<String>().ok()))
        }
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{name}: not done after {PATIENCE:?}"),
    }
}

#[track_caller]
fn pipeline(name: &str, files: Vec<SourceFile>) -> Ran {
    on_small_stack(name, move || stages(&files))
}

fn stages(files: &[SourceFile]) -> Ran {
    let rules = Rules::default();
    let mut work = Vec::new();
    macro_rules! stage {
        ($name:literal, $f:expr) => {{
            let begun = Instant::now();
            let (out, cost) = counted(|| $f);
            work.push(($name, cost, begun.elapsed()));
            out
        }};
    }
    let inventory = stage!("scan", scan(files));
    let sites = stage!("locate", locate(&inventory));
    let registry = registry_for(files);
    let resolution = stage!("resolve", offline(&sites, &rules, Some(&registry)));
    let plan = stage!("plan", plan(&inventory, sites, &resolution, &rules));
    let set = stage!("patch", patch(files, &plan));
    stage!("forms", forms(files, &plan, &set));
    assert_eq!(plan.changes.len() + plan.held.len(), plan.sites.len(), "every site is a change or held");
    assert_eq!(set.refused, [], "every result is proven");
    if !set.files.is_empty() {
        let (again, _) = run(&patched(files, &set), &rules, Some(&registry));
        assert_eq!(again.changes, [], "a second plan changes nothing");
    }
    let mut codes: Vec<(&'static str, usize)> = Vec::new();
    for diagnostic in &plan.diagnostics {
        match codes.iter_mut().find(|(code, _)| *code == diagnostic.code) {
            Some((_, count)) => *count += 1,
            None => codes.push((diagnostic.code, 1)),
        }
    }
    let input = files.iter().map(|file| (file.text.len() + file.path.as_str().len()) as u64).sum();
    Ran { input, sites: plan.sites.len(), changes: plan.changes.len(), codes, work }
}

/// Runs a repository of a size and of twice that size, and compares the work.
#[track_caller]
fn linear(name: &str, n: usize, build: impl Fn(usize) -> Vec<SourceFile>) -> Ran {
    let [once, twice] = [n, 2 * n].map(|n| pipeline(name, build(n)));
    for ((stage, small, took), (_, large, took_twice)) in once.work.iter().zip(&twice.work) {
        eprintln!(
            "{name} {stage}: calls {} {}, bytes {} {}, peak {} {}, {took:?} {took_twice:?}",
            small.calls, large.calls, small.bytes, large.bytes, small.peak, large.peak
        );
        // A quarter for tables that double when they are full, and something for what small runs hide.
        let limit = |small: u64, slack: u64| 2 * small + small / 4 + slack;
        let most = 400 * twice.input + 50_000_000;
        if large.calls > limit(small.calls, 2_000)
            || large.bytes > limit(small.bytes, small.bytes / 2 + 1_000_000)
            || large.peak > most
        {
            let found = format!("{name}, {stage}: {small:?} becomes {large:?}, input {}\n", twice.input);
            WRONG.with_borrow_mut(|wrong| wrong.push_str(&found));
        }
    }
    twice
}

thread_local! {
    /// What the test on this thread has found.
    static WRONG: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Fails with everything that was found.
#[track_caller]
fn settle() {
    let wrong = WRONG.take();
    assert!(wrong.is_empty(), "more than linear:\n{wrong}");
}

const HEAD: &str = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\n";

/// An OCIRepository with a tag.
fn oci(name: &str, url: &str, tag: &str) -> String {
    format!("{HEAD}metadata:\n  name: {name}\nspec:\n  url: oci://{url}\n  ref:\n    tag: {tag}\n")
}

/// A HelmRelease with a chart of HelmRepository `repo`.
fn release(name: &str, namespace: &str, version: &str) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: {name}\n  namespace: {namespace}\n\
         spec:\n  chart:\n    spec:\n      chart: app\n      version: {version}\n      sourceRef:\n        kind: HelmRepository\n        name: repo\n"
    )
}

fn helm_repository(namespace: &str, url: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata:\n  name: repo\n  namespace: {namespace}\n\
         spec:\n  url: {url}\n"
    )
}

/// A healthy document beside something hostile in the same file.
fn beside(hostile: &str) -> Vec<SourceFile> {
    vec![file(
        "a.yaml",
        format!(
            "{}---\n{hostile}\n---\n{}",
            oci("a", "r.example/a", "1.0.0"),
            oci("b", "r.example/b", "1.0.0")
        ),
    )]
}

/// One document that says what is needed to be read, and then something hostile.
fn inside(hostile: &str) -> Vec<SourceFile> {
    vec![file("a.yaml", format!("{}hostile:\n{hostile}\n", oci("a", "r.example/a", "1.0.0")))]
}

#[test]
fn nesting_of_every_kind_ends() {
    let n = 100_000;
    for (name, text) in [
        ("dashes", "- ".repeat(n)),
        ("brackets", "[".repeat(n)),
        ("closed brackets", "[".repeat(n) + &"]".repeat(n)),
        ("braces", "{a: ".repeat(n)),
        ("closed braces", "{a: ".repeat(n) + &"}".repeat(n)),
        ("brackets as keys", "? [".repeat(n)),
        ("question marks", "? ".repeat(n)),
        ("keys, one deeper each", (0..3_000).map(|i| format!("{}a:\n", " ".repeat(i))).collect()),
        ("dashes, one deeper each", (0..3_000).map(|i| format!("{}-\n", " ".repeat(i))).collect()),
        ("mixed", "- {a: [".repeat(n)),
        ("tags", "!!str ".repeat(n)),
        ("anchors", "&a ".repeat(n)),
        ("pairs in brackets", "[a: ".repeat(n)),
        ("braces in a row", "{".repeat(n)),
        ("closing only", "]".repeat(n)),
        ("quotes", "\"".repeat(n)),
        ("single quotes", "'".repeat(n)),
        ("pipes", "|".repeat(n)),
        ("pipes on lines", "|\n".repeat(n)),
        ("colons", ":".repeat(n)),
        ("colons apart", ": ".repeat(n)),
        ("keys on one line", "a: ".repeat(n)),
        ("stars", "*a ".repeat(n)),
        ("percent signs", "%\n".repeat(n)),
        ("commas", ",".repeat(n)),
        ("tabs", "\t".repeat(n)),
        ("hashes", "#".repeat(n)),
        ("ends", "...\n".repeat(n)),
        ("templates", "{{".repeat(n)),
        ("conflicts", "<<<<<<< a\n".repeat(n)),
    ] {
        let ran = pipeline(name, beside(&text));
        // A conflict marker without an end in its document condemns the file.
        let sites = if name == "conflicts" { 0 } else { 2 };
        assert_eq!(ran.sites, sites, "{name}: the neighbours are read, {:?}", ran.codes);
        pipeline(name, inside(&text));
        pipeline(name, inside(&format!("  - {text}")));
        pipeline(name, vec![file("kustomization.yaml", text)]);
    }
}

#[test]
fn bombs_cost_what_their_text_costs() {
    let layers = |n: usize, width: usize, step: &dyn Fn(usize, &str) -> String| {
        let mut text = String::from("a0: &a0 {x: y}\n");
        for i in 1..n {
            let before = vec![format!("*a{}", i - 1); width].join(", ");
            text.push_str(&step(i, &before));
        }
        text
    };
    let aliases = layers(100, 20, &|i, before| format!("a{i}: &a{i} [{before}]\n"));
    let merges = layers(100, 20, &|i, before| format!("a{i}: &a{i} {{<<: [{before}]}}\n"));
    let own = format!("a: &a\n  <<: [{}]\n", vec!["*a"; 200].join(", "));
    let chain = layers(50_000, 1, &|i, before| format!("a{i}: &a{i} {{<<: {before}}}\n"));
    let used = |text: &str, name: &str| {
        format!(
            "{text}{HEAD}metadata: *{name}\nspec:\n  <<: *{name}\n  url: oci://r.example/a\n  ref: *{name}\nsops: *{name}\n"
        )
    };
    for (name, text) in [
        ("aliases", used(&aliases, "a99")),
        ("merges", used(&merges, "a99")),
        ("merges of themselves", used(&own, "a")),
        ("a chain of merges", used(&chain, "a49999")),
    ] {
        for text in [text.clone(), text.replace("metadata: *", "metadata:\n  name: a\n  <<: *")] {
            pipeline(name, vec![file("a.yaml", text.clone()), file("kustomization.yaml", text)]);
        }
    }
}

#[test]
fn large_texts_of_one_kind() {
    let n = size(10_000_000);
    let plain =
        |text: String| vec![file("a.yaml", format!("{}x: {text}\n", oci("a", "r.example/a", "1.0.0")))];
    linear("a plain scalar", n, |n| plain("a".repeat(n)));
    linear("a single-quoted scalar", n, |n| plain(format!("'{}'", "it''s".repeat(n / 5))));
    linear("a double-quoted scalar", n, |n| plain(format!("\"{}\"", "\\n".repeat(n / 2))));
    linear("an unterminated quote", n, |n| plain(format!("\"{}", "a\n".repeat(n / 2))));
    linear("a block scalar", n, |n| plain(format!("|\n{}", "  line\n".repeat(n / 7))));
    linear("a folded scalar", n, |n| plain(format!(">\n{}", "  line\n".repeat(n / 7))));
    linear("a scalar of many lines", n, |n| plain(format!("a{}", "\n  b".repeat(n / 4))));
    linear("blank lines", n, |n| plain("\n".repeat(n)));
    linear("blanks", n, |n| plain(" ".repeat(n)));
    linear("comments", n / 10, |n| plain(format!("1\n{}", "# c\n".repeat(n / 4))));
    linear("comments that are read", n / 10, |n| plain(format!("1\n{}", "# flux-upgrade:\n".repeat(n / 16))));
    linear("invalid escapes", n, |n| plain(format!("\"{}\"", "\\q".repeat(n / 2))));
    linear("a long anchor", n, |n| plain(format!("&{0} 1\ny: *{0}", "a".repeat(n))));
    linear("a long tag", n, |n| plain(format!("!{} 1", "a".repeat(n))));
    linear("a long key", n / 10, |n| {
        vec![file("a.yaml", format!("{}: 1\n{}", "a".repeat(n), oci("a", "r.example/a", "1.0.0")))]
    });
    linear("NUL bytes", n / 10, |n| plain("\0".repeat(n)));
    linear("byte order marks", n / 10, |n| plain("\u{feff}".repeat(n / 3)));
    linear("directives", n / 10, |n| {
        vec![file(
            "a.yaml",
            format!("{}---\n{}", "%TAG !a! b\n".repeat(n / 11), oci("a", "r.example/a", "1.0.0")),
        )]
    });
    linear("dashes in a row", n, |n| plain(format!("\n{}", "-".repeat(n))));
    linear("lines of dashes", n / 10, |n| plain(format!("|\n{}", "  ---\n".repeat(n / 6))));
    linear("lone carriage returns", n, |n| plain(format!("|\r{}", "  line\r".repeat(n / 7))));
    linear("a long flow sequence", n / 10, |n| plain(format!("[{}]", "a,".repeat(n / 2))));
    linear("a long sequence", n / 10, |n| plain(format!("\n{}", "- a\n".repeat(n / 4))));
    linear("many keys", n / 10, |n| {
        plain(format!(
            "\n{}",
            (0..n / 8).fold(String::new(), |mut text, i| {
                let _ = writeln!(text, "  k{i}: v");
                text
            })
        ))
    });
    linear("a version of many digits", n / 10, |n| {
        vec![file("a.yaml", oci("a", "r.example/a", &"1".repeat(n)))]
    });
    linear("a version of many parts", n / 10, |n| {
        vec![file("a.yaml", oci("a", "r.example/a", &"1.".repeat(n / 2)))]
    });
    linear("a pre-release of many parts", n / 10, |n| {
        vec![file("a.yaml", oci("a", "r.example/a", &format!("1.0.0-a{}", ".a".repeat(n / 2))))]
    });
    linear("a variable without an end", n / 10, |n| {
        vec![file("a.yaml", oci("a", "r.example/a", &"${".repeat(n / 2)))]
    });
    linear("a long range", n / 10, |n| {
        vec![file(
            "a.yaml",
            oci("a", "r.example/a", "x")
                .replace("tag: x", &format!("semver: '>=1.0.0{}'", " || >=1.0.0".repeat(n / 11))),
        )]
    });
    settle();
}

#[test]
fn many_things_in_one_file() {
    let n = size(20_000);
    let one_line = |i: usize| {
        format!(
            "{{apiVersion: source.toolkit.fluxcd.io/v1, kind: OCIRepository, metadata: {{name: a{i}}}, spec: {{url: 'oci://r.example/a{i}', ref: {{tag: 1.0.0}}}}}}"
        )
    };
    let list = |n: usize, item: &dyn Fn(usize) -> String, before: &str, after: &str| {
        let mut text = format!("apiVersion: v1\nkind: List\nitems:{before}");
        (0..n).for_each(|i| text.push_str(&item(i)));
        text + after
    };
    let block = |i: usize| {
        let body = oci(&format!("a{i}"), &format!("r.example/a{i}"), "1.0.0");
        format!("- {}\n", body.trim_end().replace('\n', "\n  "))
    };
    let ran = linear("sites in one document", n, |n| vec![file("a.yaml", list(n, &block, "\n", ""))]);
    assert_eq!((ran.sites, ran.changes), (2 * n, 2 * n));
    let ran = linear("sites on one line", n / 2, |n| {
        vec![file("a.yaml", list(n, &|i| one_line(i) + ", ", " [", "]\n"))]
    });
    assert_eq!((ran.sites, ran.changes), (n, n));
    let ran = linear("sites on one line with a comment at its end", n / 2, |n| {
        vec![file("a.yaml", list(n, &|i| one_line(i) + ", ", " [", "] # flux-upgrade: x\n"))]
    });
    assert_eq!((ran.sites, ran.changes), (n, n));
    let ran = linear("documents with a site", n, |n| {
        let text = (0..n)
            .map(|i| oci(&format!("a{i}"), &format!("r.example/a{i}"), "1.0.0") + "---\n")
            .collect::<String>();
        vec![file("a.yaml", text)]
    });
    assert_eq!((ran.sites, ran.changes), (2 * n, 2 * n));
    let ran = linear("releases of one source in the same file", n, |n| {
        let text = (0..n).map(|i| release(&format!("r{i}"), "apps", "1.0.0") + "---\n").collect::<String>();
        vec![file("a.yaml", text + &helm_repository("apps", "https://charts.example"))]
    });
    assert_eq!((ran.sites, ran.changes), (2 * n, 2 * n));
    let ran = linear("documents that are no YAML", n, |n| {
        vec![file(
            "a.yaml",
            "kind: HelmRelease\napiVersion: helm.toolkit.fluxcd.io/v2\na: [\n---\n".repeat(n),
        )]
    });
    assert_eq!(ran.codes, [("yaml.syntax", 2 * n)]);
    let ran = linear("documents with duplicate keys", n, |n| {
        vec![file("a.yaml", format!("{}---\n", oci("a", "r.example/a", "1.0.0") + "x: 1\nx: 2\n").repeat(n))]
    });
    assert_eq!(ran.codes, [("yaml.duplicate-key", 2 * n)]);
    let ran = linear("duplicate keys", n, |n| {
        vec![file("a.yaml", oci("a", "r.example/a", "1.0.0") + &"x: 1\n".repeat(n + 1))]
    });
    assert_eq!(ran.codes, [("yaml.duplicate-key", 2 * n)]);
    let ran = linear("unknown versions", n, |n| {
        vec![file("a.yaml", (oci("a", "r.example/a", "1.0.0").replace("io/v1", "io/v9") + "---\n").repeat(n))]
    });
    assert_eq!(ran.codes, [("manifest.unknown-version", 2 * n)]);
    linear("conflicts in each document", n, |n| {
        vec![file("a.yaml", (oci("a", "r.example/a", "1.0.0") + "<<<<<<< a\n>>>>>>> b\n---\n").repeat(n))]
    });
    linear("empty documents", 10 * n, |n| {
        vec![file("a.yaml", "---\n".repeat(n) + &oci("a", "r.example/a", "1.0.0"))]
    });
    linear("documents that end with dots", n, |n| {
        vec![file("a.yaml", (oci("a", "r.example/a", "1.0.0") + "...\n").repeat(n))]
    });
    linear("inline patches", n, |n| {
        let patch = "  - patch: |\n      apiVersion: helm.toolkit.fluxcd.io/v2\n      kind: HelmRelease\n      metadata:\n        name: a\n      spec:\n        chart:\n          spec:\n            version: 1.0.0\n";
        let text = format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\npatches:\n{}",
            patch.repeat(n)
        );
        vec![file("kustomization.yaml", text)]
    });
    let ran = linear("aliases of one anchor", n, |n| {
        let item =
            |i: usize| block(i).replace("tag: 1.0.0", if i == 0 { "tag: &v 1.0.0" } else { "tag: *v" });
        vec![file("a.yaml", list(n, &item, "\n", ""))]
    });
    assert_eq!((ran.sites, ran.changes), (2 * n, 2 * n));
    let ran = linear("aliases of one anchor that disagree", n, |n| {
        let item = |i: usize| {
            let tag = if i == 0 { "tag: &v 1.0.0" } else { "tag: *v" };
            block(i)
                .replace("tag: 1.0.0", tag)
                .replace("oci://", if i.is_multiple_of(2) { "oci://" } else { "http://" })
        };
        vec![file("a.yaml", list(n, &item, "\n", ""))]
    });
    assert_eq!((ran.sites, ran.changes), (2 * n, 0));
    linear("merges of one base", n / 10, |n| {
        let text = format!("base: &b {{{}}}\n", (0..n).map(|i| format!("k{i}: 1, ")).collect::<String>());
        vec![file("a.yaml", text + &list(10, &block, "\n", "").replace("spec:\n", "spec:\n    <<: *b\n"))]
    });
    settle();
}

#[test]
fn many_files() {
    let n = size(50_000);
    let ran = linear("small files", n, |n| {
        (0..n)
            .map(|i| {
                file(
                    &format!("d{}/f{i}.yaml", i % 100),
                    oci(&format!("a{i}"), &format!("r.example/a{i}"), "1.0.0"),
                )
            })
            .collect()
    });
    assert_eq!((ran.sites, ran.changes), (2 * n, 2 * n));
    linear("files of nothing", n, |n| {
        (0..n).map(|i| file(&format!("d{}/f{i}.yaml", i % 100), "a: 1\n")).collect()
    });
    linear("files that are no YAML", n, |n| {
        (0..n).map(|i| file(&format!("f{i}.yaml"), "kind: HelmRelease\na: [\n")).collect()
    });
    let n = size(10_000);
    linear("releases of one name", n, |n| {
        (0..n).map(|i| file(&format!("f{i}.yaml"), release("same", "apps", "1.0.0"))).collect()
    });
    linear("patches of releases of one name", n, |n| {
        let patch = release("same", "apps", "1.0.0").replace("      chart: app\n", "");
        (0..n)
            .map(|i| {
                file(
                    &format!("f{i}.yaml"),
                    if i.is_multiple_of(2) { release("same", "apps", "1.0.0") } else { patch.clone() },
                )
            })
            .collect()
    });
    let ran = linear("one name in many namespaces", n / 2, |n| {
        let both = |i: usize| {
            format!(
                "{}---\n{}",
                release("same", &format!("n{i}"), "1.0.0"),
                helm_repository(&format!("n{i}"), &format!("https://charts.example/{i}"))
            )
        };
        (0..n).map(|i| file(&format!("f{i}.yaml"), both(i))).collect()
    });
    assert_eq!((ran.sites, ran.changes), (n, n));
    let ran = linear("sources of one name that disagree", n / 2, |n| {
        let both = |i: usize| {
            format!(
                "{}---\n{}",
                release(&format!("r{i}"), "apps", "1.0.0"),
                helm_repository("apps", &format!("https://charts.example/{i}"))
            )
        };
        (0..n).map(|i| file(&format!("f{i}.yaml"), both(i))).collect()
    });
    assert_eq!((ran.sites, ran.changes), (n, 0));
    settle();
}

fn kustomize(members: &[String]) -> String {
    let list: String = members.iter().map(|member| format!("- {member}\n")).collect();
    format!("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n{list}")
}

fn flux_kustomization(name: &str, path: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: {name}\n  namespace: flux-system\n\
         spec:\n  path: {path}\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n"
    )
}

#[test]
fn kustomizations_that_go_round_or_far() {
    let n = size(10_000);
    linear("a chain of kustomizations", n, |n| {
        let mut files: Vec<SourceFile> = (0..n)
            .map(|i| file(&format!("k{i}/kustomization.yaml"), kustomize(&[format!("../k{}", i + 1)])))
            .collect();
        files.push(file(&format!("k{n}/a.yaml"), oci("a", "r.example/a", "1.0.0")));
        files
    });
    linear("a cycle of kustomizations", n, |n| {
        (0..n)
            .map(|i| {
                file(
                    &format!("k{i}/kustomization.yaml"),
                    kustomize(&[format!("../k{}", (i + 1) % n), "a.yaml".into()]),
                )
            })
            .chain((0..n).map(|i| file(&format!("k{i}/a.yaml"), oci("a", "r.example/a", "1.0.0"))))
            .collect()
    });
    linear("kustomizations of themselves", n, |n| {
        (0..n)
            .map(|i| {
                file(
                    &format!("k{i}/kustomization.yaml"),
                    kustomize(&[".".into(), "..".into(), format!("../k{i}")]),
                )
            })
            .collect()
    });
    linear("one kustomization of many files", n, |n| {
        let members: Vec<String> = (0..n).map(|i| format!("f{i}.yaml")).collect();
        let mut files = vec![file("kustomization.yaml", kustomize(&members))];
        files.extend((0..n).map(|i| {
            file(&format!("f{i}.yaml"), oci(&format!("a{i}"), &format!("r.example/a{i}"), "1.0.0"))
        }));
        files
    });
    linear("Flux Kustomizations that apply each other", n, |n| {
        (0..n)
            .map(|i| {
                file(
                    &format!("c{i}/k.yaml"),
                    flux_kustomization(&format!("k{i}"), &format!("./c{}", (i + 1) % n)),
                )
            })
            .collect()
    });
    linear("Flux Kustomizations that apply their own folder", n, |n| {
        (0..n)
            .map(|i| file(&format!("c{i}/k.yaml"), flux_kustomization(&format!("k{i}"), &format!("./c{i}"))))
            .collect()
    });
    linear("Flux Kustomizations in one folder that they apply", n, |n| {
        (0..n).map(|i| file(&format!("c/k{i}.yaml"), flux_kustomization(&format!("k{i}"), "./c"))).collect()
    });
    linear("a cluster of many Flux Kustomizations", n, |n| {
        let mut files = vec![file("cluster/sync.yaml", flux_kustomization("flux-system", "./cluster"))];
        files.extend((0..n).map(|i| {
            file(&format!("cluster/k{i}.yaml"), flux_kustomization(&format!("k{i}"), &format!("./apps/a{i}")))
        }));
        files.extend((0..n).map(|i| {
            file(&format!("apps/a{i}/a.yaml"), oci(&format!("a{i}"), &format!("r.example/a{i}"), "1.0.0"))
        }));
        files
    });
    settle();
}

#[test]
fn many_answers() {
    let n = size(2_000);
    let tags = |n: usize| {
        let list: Vec<String> =
            (0..n).map(|i| format!("{{\"tag\": \"1.{i}.0\", \"digest\": \"sha256:{i:064x}\"}}")).collect();
        format!(
            "{{\"schema\": \"flux-upgrade/registry-snapshot/v1\", \"oci\": [{{\"repository\": \"r.example/a\", \"tags\": [{}]}}]}}",
            list.join(",")
        )
    };
    let work = [10 * n, 20 * n].map(|n| {
        on_small_stack("tags", move || {
            let snapshot = flux_upgrade_core::resolve::Snapshot::parse(&tags(n)).expect("a snapshot");
            let files = [file("a.yaml", oci("a", "r.example/a", "1.0.0"))];
            counted(|| run(&files, &Rules::default(), Some(&snapshot))).1
        })
    });
    assert!(work[1].calls <= work[0].calls * 9 / 4 + 1_000, "{work:?}");
}
