//! One chart out of a large index: `index make FOLDER [MIB]`, `index slice|whole|typed FILE`.
//!
//! Prints the milliseconds of five runs and how many versions were found; what the process takes of memory at most is for
//! the caller to see. `.ci/compare-index` runs all of it beside js-yaml.
#![allow(clippy::print_stdout, reason = "a program")]

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::time::Instant;

use flux_upgrade_core::wire::helm_index;

/// The chart that is looked for: one in the middle.
const CHART: &str = "chart-075";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["make", folder, rest @ ..] => {
            let mib = rest.first().map_or(Ok(40), |text| text.parse::<usize>())?;
            fs::write(format!("{folder}/index.yaml"), yaml(mib << 20))?;
            fs::write(format!("{folder}/index.json"), json(mib << 20))?;
        }
        [how, file] => {
            let text = fs::read_to_string(file)?;
            let wanted = BTreeSet::from([CHART.to_owned()]);
            let mut found = 0;
            let mut times = Vec::new();
            for _ in 0..5 {
                let start = Instant::now();
                found = match *how {
                    "slice" => helm_index::load_some(&text, &wanted)?[CHART].len(),
                    "whole" => helm_index::load(&text, None)?[CHART].len(),
                    "typed" => typed(&text)?,
                    other => return Err(format!("unknown: {other}").into()),
                };
                times.push(format!("{:.1}", start.elapsed().as_secs_f64() * 1000.0));
            }
            println!("{how} {file}: {found} versions, ms {}", times.join(" "));
        }
        _ => return Err("index make FOLDER [MIB] | index slice|whole|typed FILE".into()),
    }
    Ok(())
}

/// What a program does that reads all of it into types.
fn typed(text: &str) -> Result<usize, Box<dyn Error>> {
    #[derive(serde::Deserialize)]
    struct Index {
        entries: std::collections::BTreeMap<String, Vec<Entry>>,
    }
    #[derive(serde::Deserialize)]
    #[allow(dead_code, reason = "read, and not looked at")]
    struct Entry {
        name: String,
        version: String,
        created: Option<String>,
        digest: Option<String>,
        urls: Vec<String>,
    }
    let index: Index = if text.starts_with('{') {
        serde_json::from_str(text)?
    } else {
        // Its limits are for documents of strangers; an index is large.
        let options = serde_saphyr::options! { budget: None };
        serde_saphyr::from_str_with_options(text, options)?
    };
    Ok(index.entries[CHART].len())
}

const TEXT: &str = "An application for Kubernetes with everything that belongs to it, services, ingresses, dashboards and alerts";

/// Chart by chart, version by version, until the size is reached.
fn entries(size: usize, mut entry: impl FnMut(usize, usize) -> usize) {
    // About 150 charts; each of them has as many versions as fit.
    let mut written = 0;
    for chart in 0..150 {
        let mut version = 0;
        while written < size / 150 * (chart + 1) {
            written += entry(chart, version);
            version += 1;
        }
    }
}

fn yaml(size: usize) -> String {
    let mut out = String::from("apiVersion: v1\nentries:\n");
    let mut last = None;
    entries(size, |chart, version| {
        let from = out.len();
        if last.replace(chart) != Some(chart) {
            let _ = writeln!(out, "  chart-{chart:03}:");
        }
        let digest = format!("{chart:032x}{version:032x}");
        let _ = write!(
            out,
            "  - annotations:\n      artifacthub.io/license: Apache-2.0\n      category: Infrastructure\n    apiVersion: v2\n    \
             appVersion: 1.{version}.0\n    created: \"2026-01-02T03:04:05.678901234Z\"\n    dependencies:\n    - name: common\n      \
             repository: oci://registry.example.com/charts\n      version: 2.x.x\n    description: {TEXT}\n    digest: {digest}\n    \
             home: https://example.com/chart-{chart:03}\n    icon: https://example.com/icon.png\n    keywords:\n    - one\n    - two\n    \
             maintainers:\n    - email: team@example.com\n      name: team\n    name: chart-{chart:03}\n    sources:\n    \
             - https://github.com/example/charts\n    urls:\n    - https://charts.example.com/chart-{chart:03}-1.{version}.0.tgz\n    \
             version: 1.{version}.0\n"
        );
        out.len() - from
    });
    out.push_str("generated: \"2026-01-02T03:04:05Z\"\n");
    out
}

fn json(size: usize) -> String {
    let mut out = String::from("{\"apiVersion\":\"v1\",\"entries\":{");
    let mut last = None;
    entries(size, |chart, version| {
        let from = out.len();
        if last != Some(chart) {
            out.push_str(if last.is_some() { "]," } else { "" });
            let _ = write!(out, "\"chart-{chart:03}\":[");
            last = Some(chart);
        } else {
            out.push(',');
        }
        let digest = format!("{chart:032x}{version:032x}");
        let _ = write!(
            out,
            "{{\"annotations\":{{\"category\":\"Infrastructure\"}},\"apiVersion\":\"v2\",\"appVersion\":\"1.{version}.0\",\
             \"created\":\"2026-01-02T03:04:05.678901234Z\",\"description\":\"{TEXT}\",\"digest\":\"{digest}\",\
             \"home\":\"https://example.com/chart-{chart:03}\",\"keywords\":[\"one\",\"two\"],\"name\":\"chart-{chart:03}\",\
             \"maintainers\":[{{\"email\":\"team@example.com\",\"name\":\"team\"}}],\"sources\":[\"https://github.com/example/charts\"],\
             \"urls\":[\"https://charts.example.com/chart-{chart:03}-1.{version}.0.tgz\"],\"version\":\"1.{version}.0\"}}"
        );
        out.len() - from
    });
    out.push_str("]},\"generated\":\"2026-01-02T03:04:05Z\"}");
    out
}
