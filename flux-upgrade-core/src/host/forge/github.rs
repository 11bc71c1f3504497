//! GitHub's REST API, version 2022-11-28, and one mutation of its GraphQL.
//!
//! Source: docs.github.com, REST API endpoints for pull requests, labels, issue comments and review requests;
//! `enablePullRequestAutoMerge`.

use serde_json::{Value, json};

use super::api::{Api, encode, text};
use super::{ForgeError, Found, LABEL_COLOR, LABEL_FOR, Proposal, Speaks, Text};
use crate::wire::Method;

/// Entries of a page.
const FULL: usize = 100;

pub(super) struct GitHub {
    api: Api,
    project: String,
}

impl GitHub {
    pub(super) fn new(api: Api, project: String) -> Self {
        Self { api, project }
    }

    fn owner(&self) -> &str {
        self.project.split('/').next().unwrap_or_default()
    }

    fn at(&self, rest: &str) -> String {
        format!("/repos/{}{rest}", self.project)
    }

    /// Merging by itself is GraphQL's alone; its address stands beside the other's.
    fn graphql(&self) -> String {
        match self.api.base().strip_suffix("/api/v3") {
            Some(server) => format!("{server}/api/graphql"),
            None => format!("{}/graphql", self.api.base()),
        }
    }
}

impl Speaks for GitHub {
    fn open_ones(&self) -> Result<Vec<Found>, ForgeError> {
        let list = self
            .api
            .pages(50, FULL, |page| self.at(&format!("/pulls?state=open&per_page={FULL}&page={page}")))?;
        Ok(list.iter().filter(is_own).map(read).collect())
    }

    fn last_closed(&self, branch: &str) -> Result<Option<Found>, ForgeError> {
        let head = format!("{}:{}", encode(self.owner()), encode(branch));
        let query = format!("/pulls?state=closed&head={head}&sort=created&direction=desc&per_page=1&page=1");
        let list = self.api.pages(1, 1, |_| self.at(&query))?;
        Ok(list.iter().filter(is_own).map(read).find(|found| found.branch == branch))
    }

    fn open(&self, proposal: &Proposal, body: &str) -> Result<Found, ForgeError> {
        let sent = json!({
            "title": proposal.title, "body": body, "head": proposal.branch, "base": proposal.base,
            "draft": proposal.draft, "maintainer_can_modify": true,
        });
        self.api.post(&self.at("/pulls"), &sent).map(|value| read(&value))
    }

    fn update(&self, found: &Found, changes: &Text<'_>) -> Result<(), ForgeError> {
        let mut sent = serde_json::Map::new();
        let fields = [("title", changes.title), ("body", changes.body), ("base", changes.base)];
        for (key, value) in fields {
            sent.extend(value.map(|value| (key.to_owned(), value.into())));
        }
        self.api.patch(&self.at(&format!("/pulls/{}", found.number)), &Value::Object(sent)).map(drop)
    }

    fn change_labels(&self, found: &Found, more: &[String], less: &[String]) -> Result<(), ForgeError> {
        for label in more {
            match self.api.get(&self.at(&format!("/labels/{}", encode(label)))) {
                Err(error) if error.is_status(404) => {
                    let sent = json!({"name": label, "color": LABEL_COLOR, "description": LABEL_FOR});
                    self.api.post(&self.at("/labels"), &sent)?;
                }
                other => drop(other?),
            }
        }
        let at = self.at(&format!("/issues/{}/labels", found.number));
        if !more.is_empty() {
            self.api.post(&at, &json!({"labels": more}))?;
        }
        for label in less {
            self.api.delete(&format!("{at}/{}", encode(label)))?;
        }
        Ok(())
    }

    fn ask_reviewers(&self, found: &Found, reviewers: &[String]) -> Result<(), ForgeError> {
        // A team is `org/team`, as in CODEOWNERS.
        let (teams, people): (Vec<&String>, Vec<&String>) =
            reviewers.iter().partition(|name| name.contains('/'));
        let teams: Vec<&str> = teams.iter().filter_map(|name| Some(name.split_once('/')?.1)).collect();
        let sent = json!({"reviewers": people, "team_reviewers": teams});
        self.api.post(&self.at(&format!("/pulls/{}/requested_reviewers", found.number)), &sent).map(drop)
    }

    fn merge_when_ready(&self, found: &Found) -> Result<(), ForgeError> {
        let project = self.api.get(&self.at(""))?;
        let allowed = |key: &str| project[key].as_bool() == Some(true);
        let way = if allowed("allow_squash_merge") {
            "SQUASH"
        } else if allowed("allow_rebase_merge") && !allowed("allow_merge_commit") {
            "REBASE"
        } else {
            "MERGE"
        };
        let query = "mutation($id: ID!, $way: PullRequestMergeMethod!) { enablePullRequestAutoMerge(input: \
                     {pullRequestId: $id, mergeMethod: $way}) { clientMutationId } }";
        let sent = json!({"query": query, "variables": {"id": found.node, "way": way}});
        let answer = self.api.send(Method::Post, &self.graphql(), Some(&sent))?;
        match answer["errors"][0]["message"].as_str() {
            Some(message) => Err(self.api.unreadable(Method::Post, "/graphql", message)),
            None => Ok(()),
        }
    }

    fn close(&self, found: &Found, title: &str) -> Result<(), ForgeError> {
        let sent = json!({"state": "closed", "title": title});
        self.api.patch(&self.at(&format!("/pulls/{}", found.number)), &sent).map(drop)
    }

    fn comment(&self, found: &Found, text: &str) -> Result<(), ForgeError> {
        self.api
            .post(&self.at(&format!("/issues/{}/comments", found.number)), &json!({"body": text}))
            .map(drop)
    }
}

/// Whether its branch is one of the project itself, whatever the project was called when it was asked for; a fork's never is.
fn is_own(value: &&Value) -> bool {
    let of = |side: &str| value[side]["repo"]["id"].as_u64();
    of("head").is_some() && of("head") == of("base")
}

fn read(value: &Value) -> Found {
    let labels = value["labels"].as_array().into_iter().flatten();
    Found {
        number: value["number"].as_u64().unwrap_or_default(),
        node: text(&value["node_id"]),
        branch: text(&value["head"]["ref"]),
        base: text(&value["base"]["ref"]),
        title: text(&value["title"]),
        body: text(&value["body"]),
        is_merged: !value["merged_at"].is_null(),
        is_draft: value["draft"].as_bool() == Some(true),
        merges_itself: !value["auto_merge"].is_null(),
        labels: labels.map(|label| text(&label["name"])).collect(),
        url: text(&value["html_url"]),
    }
}
