//! A forge of ours: the documented routes with their methods, headers, queries and bodies; anything else is a violation.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::server::{Reply, Seen, Server};

pub(crate) const TOKEN: &str = "s3cret-t0ken";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    GitHub,
    GitLab,
    Gitea,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pull {
    pub(crate) number: u64,
    pub(crate) head: String,
    pub(crate) base: String,
    /// Without what marks a draft.
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) state: &'static str,
    pub(crate) labels: Vec<String>,
    pub(crate) reviewers: Vec<String>,
    pub(crate) comments: Vec<String>,
    pub(crate) is_draft: bool,
    pub(crate) is_fork: bool,
    pub(crate) merges_itself: bool,
}

#[derive(Default)]
struct State {
    pulls: Vec<Pull>,
    labels: Vec<String>,
    violations: Vec<String>,
    writes: usize,
    refusal: Option<String>,
    /// Method and end of the path of what is answered with a status.
    broken: Option<(&'static str, &'static str, u16)>,
    redirect: Option<String>,
}

pub(crate) struct Fake {
    pub(crate) kind: Kind,
    server: Server,
    state: Arc<Mutex<State>>,
}

/// An answer: a status and a body.
type Answer = (u16, Value);

impl Fake {
    pub(crate) fn start(kind: Kind) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let inner = Arc::clone(&state);
        let server = Server::start(move |seen| {
            let mut state = inner.lock().unwrap();
            if let Some(target) = &state.redirect {
                return Reply::status(302).with("Location", target);
            }
            if let Some(why) = &state.refusal {
                let body = json!({"message": why}).to_string();
                return Reply::Whole { status: 401, headers: vec![], body: body.into_bytes() };
            }
            if let Some((method, end, status)) = state.broken
                && seen.method == method
                && seen.target.ends_with(end)
            {
                state.writes += 1;
                return Reply::status(status);
            }
            let (status, body) = state.answer(kind, seen).unwrap_or_else(|violation| {
                let text = format!("{} {}: {violation}", seen.method, seen.target);
                state.violations.push(text.clone());
                (400, json!({"message": text}))
            });
            let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
            Reply::Whole { status, headers, body: body.to_string().into_bytes() }
        });
        Self { kind, server, state }
    }

    pub(crate) fn api(&self) -> String {
        let path = match self.kind {
            Kind::GitHub => "/api/v3",
            Kind::GitLab => "/api/v4",
            Kind::Gitea => "/api/v1",
        };
        format!("http://{}{path}", self.server.authority())
    }

    pub(crate) fn pull(&self, index: usize) -> Pull {
        self.state.lock().unwrap().pulls[index].clone()
    }

    pub(crate) fn shown_title(&self, index: usize) -> String {
        shown_title(self.kind, &self.pull(index))
    }

    pub(crate) fn count(&self) -> usize {
        self.state.lock().unwrap().pulls.len()
    }

    pub(crate) fn writes(&self) -> usize {
        self.state.lock().unwrap().writes
    }

    pub(crate) fn change(&self, index: usize, change: impl FnOnce(&mut Pull)) {
        change(&mut self.state.lock().unwrap().pulls[index]);
    }

    pub(crate) fn refuse_all(&self, why: &str) {
        self.state.lock().unwrap().refusal = Some(why.to_owned());
    }

    /// From now on these requests fail at the server.
    pub(crate) fn break_(&self, method: &'static str, end: &'static str, status: u16) {
        self.state.lock().unwrap().broken = Some((method, end, status));
    }

    pub(crate) fn redirect_all(&self, target: &str) {
        self.state.lock().unwrap().redirect = Some(target.to_owned());
    }

    /// Another pull request of a person.
    pub(crate) fn add(&self, pull: Pull) {
        let mut state = self.state.lock().unwrap();
        let number = state.pulls.len() as u64 + 1;
        state.pulls.push(Pull { number, state: "open", ..pull });
    }

    /// Open pull requests of other people.
    pub(crate) fn add_strangers(&self, count: usize) {
        let mut state = self.state.lock().unwrap();
        for _ in 0..count {
            let number = state.pulls.len() as u64 + 1;
            state.pulls.push(Pull {
                number,
                head: format!("feature-{number}"),
                base: "main".to_owned(),
                title: "Something else".to_owned(),
                state: "open",
                ..Pull::default()
            });
        }
    }

    pub(crate) fn assert_no_violation(&self) {
        let state = self.state.lock().unwrap();
        assert!(state.violations.is_empty(), "{:?}: {:#?}", self.kind, state.violations);
    }
}

fn want(holds: bool, what: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn header(seen: &Seen, name: &str, value: &str) -> Result<(), String> {
    want(seen.header(name) == Some(value), format!("wants {name}: {value}, found {:?}", seen.header(name)))
}

/// The body as an object, with these keys alone, each of the type that an example has.
fn body(seen: &Seen, required: &[&str], optional: &[&str]) -> Result<Value, String> {
    header(seen, "Content-Type", "application/json")?;
    let value: Value = serde_json::from_slice(&seen.body).map_err(|error| error.to_string())?;
    let object = value.as_object().ok_or("the body is no object")?;
    for key in object.keys() {
        want(
            required.contains(&key.as_str()) || optional.contains(&key.as_str()),
            format!("unknown key `{key}`"),
        )?;
    }
    for key in required {
        want(object.contains_key(*key), format!("the key `{key}` is missing"))?;
    }
    for key in
        ["title", "body", "description", "head", "base", "source_branch", "target_branch", "name", "color"]
    {
        want(object.get(key).is_none_or(Value::is_string), format!("`{key}` is no text"))?;
    }
    Ok(value)
}

/// The query's parameters, of these names alone.
fn query(text: &str, known: &[&str]) -> Result<Vec<(String, String)>, String> {
    let mut out = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or("a parameter without a value")?;
        want(known.contains(&key), format!("unknown parameter `{key}`"))?;
        out.push((key.to_owned(), decoded(value)));
    }
    Ok(out)
}

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap()
}

fn page(all: Vec<Value>, parameters: &[(String, String)], size: &str, most: usize) -> Vec<Value> {
    let number = |name: &str, default: usize| {
        parameters.iter().find(|(key, _)| key == name).map_or(default, |(_, value)| value.parse().unwrap())
    };
    let size = number(size, 30).min(most);
    all.into_iter().skip((number("page", 1) - 1) * size).take(size).collect()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn shown_title(kind: Kind, pull: &Pull) -> String {
    let before = match kind {
        _ if !pull.is_draft => "",
        Kind::GitHub => "",
        Kind::GitLab => "Draft: ",
        Kind::Gitea => "WIP: ",
    };
    format!("{before}{}", pull.title)
}

impl State {
    fn answer(&mut self, kind: Kind, seen: &Seen) -> Result<Answer, String> {
        want(
            seen.header("User-Agent").is_some_and(|agent| agent.starts_with("flux-upgrade/")),
            "no User-Agent",
        )?;
        if seen.method != "GET" {
            self.writes += 1;
        }
        let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        match kind {
            Kind::GitHub => {
                header(seen, "Authorization", &format!("Bearer {TOKEN}"))?;
                header(seen, "Accept", "application/vnd.github+json")?;
                header(seen, "X-GitHub-Api-Version", "2022-11-28")?;
                if path == "/api/graphql" {
                    return self.graphql(seen);
                }
                let path = path.strip_prefix("/api/v3/repos/acme/fleet").ok_or("no such route")?;
                self.github(seen, path, query)
            }
            Kind::GitLab => {
                header(seen, "PRIVATE-TOKEN", TOKEN)?;
                want(seen.header("Authorization").is_none(), "two ways to prove who asks")?;
                self.gitlab(seen, path.strip_prefix("/api/v4").ok_or("no such route")?, query)
            }
            Kind::Gitea => {
                header(seen, "Authorization", &format!("token {TOKEN}"))?;
                let path = path.strip_prefix("/api/v1/repos/acme/fleet").ok_or("no such route")?;
                self.gitea(seen, path, query)
            }
        }
    }

    fn by_number(&mut self, number: &str) -> Result<&mut Pull, String> {
        let number: u64 = number.parse().map_err(|_| "no number")?;
        self.pulls
            .iter_mut()
            .find(|pull| pull.number == number)
            .ok_or_else(|| "no such pull request".to_owned())
    }

    /// Opens one, or says as the forges do why not.
    fn open(
        &mut self,
        head: &Value,
        base: &Value,
        title: &str,
        body: &Value,
        is_draft: bool,
    ) -> Result<&Pull, Answer> {
        let (head, base) = (head.as_str().unwrap(), base.as_str().unwrap());
        if base != "main" && !base.starts_with("flux-upgrade/") {
            return Err((
                422,
                json!({"message": "Validation Failed", "errors": [{"field": "base", "code": "invalid", "message": "base is invalid"}]}),
            ));
        }
        if self.pulls.iter().any(|pull| pull.state == "open" && pull.head == head && pull.base == base) {
            return Err((409, json!({"message": "A pull request already exists"})));
        }
        self.pulls.push(Pull {
            number: self.pulls.len() as u64 + 1,
            head: head.to_owned(),
            base: base.to_owned(),
            title: title.to_owned(),
            body: body.as_str().unwrap_or_default().to_owned(),
            state: "open",
            is_draft,
            ..Pull::default()
        });
        Ok(self.pulls.last().unwrap())
    }

    fn add_labels(&mut self, number: &str, labels: Vec<String>) -> Result<(), String> {
        let known = self.labels.clone();
        let pull = self.by_number(number)?;
        for label in labels {
            want(known.contains(&label), format!("the label `{label}` was not made"))?;
            if !pull.labels.contains(&label) {
                pull.labels.push(label);
            }
        }
        Ok(())
    }

    fn github(&mut self, seen: &Seen, path: &str, text: &str) -> Result<Answer, String> {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let pull_json = |pull: &Pull| github_json(pull);
        match (seen.method.as_str(), parts.as_slice()) {
            ("GET", []) => Ok((200, json!({"allow_squash_merge": true, "allow_merge_commit": true}))),
            ("GET", ["pulls"]) => {
                let found = query(text, &["state", "head", "base", "sort", "direction", "per_page", "page"])?;
                let get =
                    |name: &str| found.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
                let state = get("state").unwrap_or("open");
                want(get("head").is_none_or(|head| head.starts_with("acme:")), "head wants owner:branch")?;
                let branch =
                    get("head").and_then(|head| head.split_once(':')).map(|(_, branch)| branch.to_owned());
                let mut list: Vec<&Pull> =
                    self.pulls.iter().filter(|pull| (pull.state == "open") == (state == "open")).collect();
                list.retain(|pull| branch.as_ref().is_none_or(|branch| pull.head == *branch));
                list.reverse();
                Ok((200, page(list.into_iter().map(pull_json).collect(), &found, "per_page", 100).into()))
            }
            ("POST", ["pulls"]) => {
                let sent =
                    body(seen, &["title", "head", "base"], &["body", "draft", "maintainer_can_modify"])?;
                let draft = sent["draft"].as_bool() == Some(true);
                let title = sent["title"].as_str().unwrap().to_owned();
                Ok(match self.open(&sent["head"], &sent["base"], &title, &sent["body"], draft) {
                    Ok(pull) => (201, pull_json(pull)),
                    Err(answer) => answer,
                })
            }
            ("PATCH", ["pulls", number]) => {
                let sent = body(seen, &[], &["title", "body", "base", "state"])?;
                let pull = self.by_number(number)?;
                patch(pull, &sent, "body");
                Ok((200, pull_json(pull)))
            }
            ("POST", ["pulls", number, "requested_reviewers"]) => {
                let sent = body(seen, &[], &["reviewers", "team_reviewers"])?;
                let names = texts(&sent["reviewers"]);
                if names.iter().any(|name| name == "nobody") {
                    return Ok((
                        422,
                        json!({"message": "Reviews may only be requested from collaborators."}),
                    ));
                }
                self.by_number(number)?.reviewers.extend(names);
                Ok((201, json!({})))
            }
            ("GET", ["labels", name]) => Ok(match self.labels.contains(&decoded(name)) {
                true => (200, json!({"name": name})),
                false => (404, json!({"message": "Not Found"})),
            }),
            ("POST", ["labels"]) => {
                let sent = body(seen, &["name", "color"], &["description"])?;
                want(sent["color"].as_str().unwrap().len() == 6, "a colour has six digits and no #")?;
                self.labels.push(sent["name"].as_str().unwrap().to_owned());
                Ok((201, json!({})))
            }
            ("POST", ["issues", number, "labels"]) => {
                let sent = body(seen, &["labels"], &[])?;
                self.add_labels(number, texts(&sent["labels"]))?;
                Ok((200, json!([])))
            }
            ("DELETE", ["issues", number, "labels", name]) => {
                want(seen.body.is_empty(), "a body that nobody reads")?;
                let name = decoded(name);
                let pull = self.by_number(number)?;
                let before = pull.labels.len();
                pull.labels.retain(|label| !label.eq_ignore_ascii_case(&name));
                Ok(if pull.labels.len() < before {
                    (200, json!([]))
                } else {
                    (404, json!({"message": "Not Found"}))
                })
            }
            ("POST", ["issues", number, "comments"]) => {
                let sent = body(seen, &["body"], &[])?;
                self.by_number(number)?.comments.push(sent["body"].as_str().unwrap().to_owned());
                Ok((201, json!({})))
            }
            _ => Err("no such route".to_owned()),
        }
    }

    fn graphql(&mut self, seen: &Seen) -> Result<Answer, String> {
        want(seen.method == "POST", "GraphQL takes POST")?;
        let sent = body(seen, &["query", "variables"], &[])?;
        want(
            sent["query"].as_str().unwrap().contains("enablePullRequestAutoMerge(input:"),
            "another mutation",
        )?;
        want(sent["variables"]["way"] == "SQUASH", "not the way of the project")?;
        let node = sent["variables"]["id"].as_str().unwrap().trim_start_matches("PR_").to_owned();
        self.by_number(&node)?.merges_itself = true;
        Ok((200, json!({"data": {"enablePullRequestAutoMerge": {"clientMutationId": null}}})))
    }

    fn gitlab(&mut self, seen: &Seen, path: &str, text: &str) -> Result<Answer, String> {
        if let ("GET", "/users") = (seen.method.as_str(), path) {
            let found = query(text, &["username"])?;
            return Ok((
                200,
                if found[0].1 == "nobody" { json!([]) } else { json!([{"id": 7, "username": found[0].1}]) },
            ));
        }
        let path = path.strip_prefix("/projects/acme%2Ffleet/").ok_or("no such route")?;
        let parts: Vec<&str> = path.split('/').collect();
        match (seen.method.as_str(), parts.as_slice()) {
            ("GET", ["merge_requests"]) => {
                let found = query(text, &["state", "source_branch", "order_by", "sort", "per_page", "page"])?;
                let get =
                    |name: &str| found.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
                want(
                    matches!(get("state"), Some("opened" | "all")),
                    "state is opened, closed, locked, merged or all",
                )?;
                let mut list: Vec<&Pull> = self
                    .pulls
                    .iter()
                    .filter(|pull| get("state") == Some("all") || pull.state == "open")
                    .collect();
                list.retain(|pull| get("source_branch").is_none_or(|branch| pull.head == branch));
                list.reverse();
                Ok((200, page(list.into_iter().map(gitlab_json).collect(), &found, "per_page", 100).into()))
            }
            ("POST", ["merge_requests"]) => {
                let sent = body(
                    seen,
                    &["source_branch", "target_branch", "title"],
                    &["description", "remove_source_branch"],
                )?;
                let title = sent["title"].as_str().unwrap();
                let draft = title.starts_with("Draft: ");
                let title = title.trim_start_matches("Draft: ").to_owned();
                Ok(
                    match self.open(
                        &sent["source_branch"],
                        &sent["target_branch"],
                        &title,
                        &sent["description"],
                        draft,
                    ) {
                        Ok(pull) => (201, gitlab_json(pull)),
                        Err(answer) => answer,
                    },
                )
            }
            ("PUT", ["merge_requests", number]) => {
                let sent = body(
                    seen,
                    &[],
                    &[
                        "title",
                        "description",
                        "target_branch",
                        "state_event",
                        "add_labels",
                        "remove_labels",
                        "reviewer_ids",
                    ],
                )?;
                let pull = self.by_number(number)?;
                if sent["state_event"] == "close" {
                    pull.state = "closed";
                }
                if let Some(title) = sent["title"].as_str() {
                    pull.is_draft = title.starts_with("Draft: ");
                }
                let sent_title = sent["title"].as_str().map(|title| title.trim_start_matches("Draft: "));
                patch(
                    pull,
                    &json!({"title": sent_title, "base": sent["target_branch"], "description": sent["description"]}),
                    "description",
                );
                if let Some(labels) = sent["add_labels"].as_str() {
                    pull.labels.extend(labels.split(',').map(str::to_owned));
                }
                if let Some(labels) = sent["remove_labels"].as_str() {
                    pull.labels.retain(|label| !labels.split(',').any(|gone| gone == label));
                }
                if let Some(ids) = sent["reviewer_ids"].as_array() {
                    want(ids == &[json!(7)], "unknown reviewer")?;
                    pull.reviewers = vec!["alice".to_owned()];
                }
                Ok((200, gitlab_json(pull)))
            }
            ("PUT", ["merge_requests", number, "merge"]) => {
                let sent = body(seen, &["merge_when_pipeline_succeeds"], &["should_remove_source_branch"])?;
                self.by_number(number)?.merges_itself = sent["merge_when_pipeline_succeeds"] == true;
                Ok((200, json!({})))
            }
            ("POST", ["merge_requests", number, "notes"]) => {
                let sent = body(seen, &["body"], &[])?;
                self.by_number(number)?.comments.push(sent["body"].as_str().unwrap().to_owned());
                Ok((201, json!({})))
            }
            _ => Err("no such route".to_owned()),
        }
    }

    fn gitea(&mut self, seen: &Seen, path: &str, text: &str) -> Result<Answer, String> {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (seen.method.as_str(), parts.as_slice()) {
            ("GET", []) => Ok((200, json!({"default_merge_style": "rebase"}))),
            ("GET", ["pulls"]) => {
                let found = query(text, &["state", "sort", "page", "limit"])?;
                let state = found.iter().find(|(key, _)| key == "state").map_or("open", |(_, value)| value);
                let mut list: Vec<&Pull> =
                    self.pulls.iter().filter(|pull| (pull.state == "open") == (state == "open")).collect();
                list.reverse();
                Ok((200, page(list.into_iter().map(gitea_json).collect(), &found, "limit", 30).into()))
            }
            ("POST", ["pulls"]) => {
                let sent = body(seen, &["title", "head", "base"], &["body"])?;
                let title = sent["title"].as_str().unwrap();
                let draft = title.starts_with("WIP: ");
                let title = title.trim_start_matches("WIP: ").to_owned();
                Ok(match self.open(&sent["head"], &sent["base"], &title, &sent["body"], draft) {
                    Ok(pull) => (201, gitea_json(pull)),
                    Err(answer) => answer,
                })
            }
            ("PATCH", ["pulls", number]) => {
                let mut sent = body(seen, &[], &["title", "body", "base", "state"])?;
                let pull = self.by_number(number)?;
                if let Some(title) = sent["title"].as_str().map(str::to_owned) {
                    pull.is_draft = title.starts_with("WIP: ");
                    sent["title"] = title.trim_start_matches("WIP: ").into();
                }
                patch(pull, &sent, "body");
                Ok((201, gitea_json(pull)))
            }
            ("POST", ["pulls", number, "requested_reviewers"]) => {
                let sent = body(seen, &[], &["reviewers", "team_reviewers"])?;
                let names = texts(&sent["reviewers"]);
                if names.iter().any(|name| name == "nobody") {
                    return Ok((422, json!({"message": "user does not exist"})));
                }
                self.by_number(number)?.reviewers.extend(names);
                Ok((201, json!([])))
            }
            ("POST", ["pulls", number, "merge"]) => {
                let sent = body(seen, &["Do", "merge_when_checks_succeed"], &["delete_branch_after_merge"])?;
                want(sent["Do"] == "rebase", "not the way of the project")?;
                let pull = self.by_number(number)?;
                if pull.merges_itself {
                    return Ok((409, json!({"message": "The auto merge has already been scheduled."})));
                }
                pull.merges_itself = true;
                Ok((201, Value::Null))
            }
            ("GET", ["labels"]) => {
                let found = query(text, &["page", "limit"])?;
                let list = self.labels.iter().enumerate();
                let list = list.map(|(id, name)| json!({"id": id + 100, "name": name})).collect();
                Ok((200, page(list, &found, "limit", 30).into()))
            }
            ("POST", ["labels"]) => {
                let sent = body(seen, &["name", "color"], &["description"])?;
                want(sent["color"].as_str().unwrap().starts_with('#'), "a colour begins with #")?;
                self.labels.push(sent["name"].as_str().unwrap().to_owned());
                Ok((201, json!({"id": self.labels.len() - 1 + 100, "name": sent["name"]})))
            }
            ("POST", ["issues", number, "labels"]) => {
                let sent = body(seen, &["labels"], &[])?;
                let ids = sent["labels"].as_array().unwrap().iter();
                let names: Option<Vec<String>> = ids
                    .map(|id| self.labels.get(usize::try_from(id.as_u64()? - 100).ok()?).cloned())
                    .collect();
                self.add_labels(number, names.ok_or("no such label")?)?;
                Ok((200, json!([])))
            }
            ("DELETE", ["issues", number, "labels", id]) => {
                let id: usize = id.parse().map_err(|_| "a label is named by its number")?;
                let name = self.labels.get(id.checked_sub(100).ok_or("no such label")?).cloned();
                let name = name.ok_or("no such label")?;
                self.by_number(number)?.labels.retain(|label| *label != name);
                Ok((204, Value::Null))
            }
            ("POST", ["issues", number, "comments"]) => {
                let sent = body(seen, &["body"], &[])?;
                self.by_number(number)?.comments.push(sent["body"].as_str().unwrap().to_owned());
                Ok((201, json!({})))
            }
            _ => Err("no such route".to_owned()),
        }
    }
}

fn patch(pull: &mut Pull, sent: &Value, body: &str) {
    let set = |field: &mut String, value: &Value| {
        if let Some(text) = value.as_str() {
            *field = text.to_owned();
        }
    };
    set(&mut pull.title, &sent["title"]);
    set(&mut pull.body, &sent[body]);
    set(&mut pull.base, &sent["base"]);
    if sent["state"] == "closed" {
        pull.state = "closed";
    }
}

/// The repository of its branch; of a fork that was deleted there is none.
fn repo(pull: &Pull) -> Value {
    if pull.is_fork {
        if pull.number.is_multiple_of(2) { json!({"id": 2}) } else { Value::Null }
    } else {
        json!({"id": 1})
    }
}

fn github_json(pull: &Pull) -> Value {
    let labels: Vec<Value> = pull.labels.iter().map(|name| json!({"name": name})).collect();
    json!({
        "number": pull.number, "node_id": format!("PR_{}", pull.number), "title": pull.title, "body": pull.body,
        "state": if pull.state == "open" { "open" } else { "closed" },
        "merged_at": (pull.state == "merged").then_some("2026-08-22T10:00:00Z"), "draft": pull.is_draft,
        "head": {"ref": pull.head, "repo": repo(pull)}, "base": {"ref": pull.base, "repo": {"id": 1}},
        "auto_merge": pull.merges_itself.then(|| json!({"merge_method": "squash"})), "labels": labels,
        "html_url": format!("https://github.example.com/acme/fleet/pull/{}", pull.number),
    })
}

fn gitlab_json(pull: &Pull) -> Value {
    json!({
        "iid": pull.number, "title": shown_title(Kind::GitLab, pull), "description": pull.body, "draft": pull.is_draft,
        "state": if pull.state == "open" { "opened" } else { pull.state },
        "source_branch": pull.head, "target_branch": pull.base, "labels": pull.labels,
        "source_project_id": if pull.is_fork { 2 } else { 1 }, "target_project_id": 1,
        "merge_when_pipeline_succeeds": pull.merges_itself,
        "web_url": format!("https://gitlab.example.com/acme/fleet/-/merge_requests/{}", pull.number),
    })
}

fn gitea_json(pull: &Pull) -> Value {
    let labels: Vec<Value> = pull.labels.iter().map(|name| json!({"name": name})).collect();
    json!({
        "number": pull.number, "title": shown_title(Kind::Gitea, pull), "body": pull.body, "draft": pull.is_draft,
        "state": if pull.state == "open" { "open" } else { "closed" }, "merged": pull.state == "merged",
        "head": {"ref": pull.head, "repo": repo(pull)}, "base": {"ref": pull.base, "repo": {"id": 1}}, "labels": labels,
        "html_url": format!("https://gitea.example.com/acme/fleet/pulls/{}", pull.number),
    })
}
