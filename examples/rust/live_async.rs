//! The same loop, async: bring any client that sends a request and gives a response.
//!
//! `cargo run -p flux-upgrade-examples --bin live-async`: here the "client" knows its answers by heart.

use std::error::Error;
use std::sync::Mutex;

use flux_upgrade_core::plan::Failure;
use flux_upgrade_core::resolve::{Outcome, Query, Resolution, Resolver, Step};
use flux_upgrade_core::rules::Rules;
use flux_upgrade_core::wire::{Attach, Doors, Exchange, HttpRequest, HttpResponse, Limits, Next};
use flux_upgrade_core::{RepoPath, SourceFile, locate, plan, scan};
use futures::stream::{self, StreamExt as _};

/// Asks until nothing is open, sixteen questions at a time.
async fn drive<F>(mut resolver: Resolver<'_>, fetch: F) -> Result<Resolution, Box<dyn Error>>
where
    F: AsyncFn(HttpRequest) -> Result<HttpResponse, String>,
{
    let doors = Mutex::new(Doors::default());
    loop {
        let queries = match resolver.step() {
            Step::Done(resolution) => return Ok(resolution),
            Step::Ask(queries) => queries,
        };
        let answers = stream::iter(&queries).map(|query| ask(query, &doors, &fetch)).buffer_unordered(16);
        for (id, outcome) in answers.collect::<Vec<_>>().await {
            resolver.answer(id, outcome)?;
        }
    }
}

/// One question: requests out, responses in, until there is an answer.
async fn ask<F>(query: &Query, doors: &Mutex<Doors>, fetch: &F) -> (usize, Outcome)
where
    F: AsyncFn(HttpRequest) -> Result<HttpResponse, String>,
{
    let known = doors.lock().map(|doors| doors.clone()).unwrap_or_default();
    let (mut exchange, mut next) = Exchange::start(query, Limits::default(), &known);
    loop {
        next = match next {
            Next::Done(outcome) => {
                // What was learned of a registry spares the next question a request.
                if let Ok(mut doors) = doors.lock() {
                    exchange.teach(&mut doors);
                }
                return (query.id, outcome);
            }
            // A program with credentials adds them here; this one has none.
            Next::Send(request) if request.attach == Attach::Required => {
                Next::Done(Err(Failure::Unauthorized))
            }
            Next::Send(request) => match fetch(request).await {
                Ok(response) => exchange.receive(response),
                Err(detail) => exchange.unreachable(detail),
            },
        };
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let text = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: podinfo}\nspec:\n  \
        url: oci://ghcr.io/stefanprodan/manifests/podinfo\n  ref:\n    tag: 6.5.0 # pinned\n";
    let path = RepoPath::parse("apps/podinfo.yaml").ok_or("a path inside the repository")?;
    let files = [SourceFile { path, text: text.to_owned() }];
    let rules = Rules::default();
    let inventory = scan(&files);
    let sites = locate(&inventory);

    let fetch = async |request: HttpRequest| {
        println!("{} {}", request.method.name(), request.url);
        let body = match request.url.as_str() {
            "https://ghcr.io/v2/stefanprodan/manifests/podinfo/tags/list?n=1000" => {
                r#"{"tags": ["6.5.0", "6.6.0"]}"#
            }
            other => return Err(format!("nobody is at {other}")),
        };
        Ok(HttpResponse { body: body.as_bytes().to_vec(), ..HttpResponse::new(&request.url, 200) })
    };
    let resolution = futures::executor::block_on(drive(Resolver::new(&sites, &rules), fetch))?;
    let plan = plan(&inventory, sites, &resolution, &rules);
    for change in &plan.changes {
        println!("{} -> {} ({})", change.from, change.to, change.level);
    }
    Ok(())
}
