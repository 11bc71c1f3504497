//! GitLab's REST API, version 4.
//!
//! Source: docs.gitlab.com, merge requests API, notes API, users API. A label that is not there is made when it is set.

use serde_json::{Value, json};

use super::api::{Api, encode, text};
use super::{ForgeError, Found, Proposal, Speaks, Text};
use crate::wire::Method;

/// Entries of a page.
const FULL: usize = 100;
/// What a draft's title begins with.
const DRAFT: &str = "Draft: ";

pub(super) struct GitLab {
    api: Api,
    /// The project's address: `/projects/a%2Fb`.
    at: String,
}

impl GitLab {
    pub(super) fn new(api: Api, project: &str) -> Self {
        Self { api, at: format!("/projects/{}", encode(project)) }
    }

    fn one(&self, found: &Found) -> String {
        format!("{}/merge_requests/{}", self.at, found.number)
    }

    fn titled(title: &str, is_draft: bool) -> String {
        format!("{}{title}", if is_draft { DRAFT } else { "" })
    }
}

impl Speaks for GitLab {
    fn open_ones(&self) -> Result<Vec<Found>, ForgeError> {
        let list = self.api.pages(50, FULL, |page| {
            format!("{}/merge_requests?state=opened&per_page={FULL}&page={page}", self.at)
        })?;
        Ok(list.iter().filter(is_own).map(read).collect())
    }

    fn last_closed(&self, branch: &str) -> Result<Option<Found>, ForgeError> {
        let query = format!("source_branch={}&state=all&order_by=created_at&sort=desc", encode(branch));
        let list = self
            .api
            .pages(1, 20, |page| format!("{}/merge_requests?{query}&per_page=20&page={page}", self.at))?;
        let is_over = |value: &&Value| matches!(value["state"].as_str(), Some("closed" | "merged"));
        Ok(list.iter().filter(is_over).filter(is_own).map(read).find(|found| found.branch == branch))
    }

    fn open(&self, proposal: &Proposal, body: &str) -> Result<Found, ForgeError> {
        let sent = json!({
            "source_branch": proposal.branch, "target_branch": proposal.base, "description": body,
            "title": Self::titled(&proposal.title, proposal.draft), "remove_source_branch": true,
        });
        self.api.post(&format!("{}/merge_requests", self.at), &sent).map(|value| read(&value))
    }

    fn update(&self, found: &Found, changes: &Text<'_>) -> Result<(), ForgeError> {
        let mut sent = serde_json::Map::new();
        let title = changes.title.map(|title| Self::titled(title, found.is_draft));
        let fields =
            [("title", title.as_deref()), ("description", changes.body), ("target_branch", changes.base)];
        for (key, value) in fields {
            sent.extend(value.map(|value| (key.to_owned(), value.into())));
        }
        self.api.put(&self.one(found), &Value::Object(sent)).map(drop)
    }

    fn change_labels(&self, found: &Found, more: &[String], less: &[String]) -> Result<(), ForgeError> {
        let mut sent = serde_json::Map::new();
        for (key, labels) in [("add_labels", more), ("remove_labels", less)] {
            if !labels.is_empty() {
                sent.insert(key.to_owned(), labels.join(",").into());
            }
        }
        self.api.put(&self.one(found), &Value::Object(sent)).map(drop)
    }

    fn ask_reviewers(&self, found: &Found, reviewers: &[String]) -> Result<(), ForgeError> {
        let mut ids = Vec::new();
        for name in reviewers {
            let path = format!("/users?username={}", encode(name));
            let users = self.api.get(&path)?;
            let id = users[0]["id"].as_u64();
            ids.push(id.ok_or_else(|| {
                self.api.unreadable(Method::Get, &path, &format!("there is no user `{name}`"))
            })?);
        }
        self.api.put(&self.one(found), &json!({"reviewer_ids": ids})).map(drop)
    }

    fn merge_when_ready(&self, found: &Found) -> Result<(), ForgeError> {
        let sent = json!({"merge_when_pipeline_succeeds": true, "should_remove_source_branch": true});
        self.api.put(&format!("{}/merge", self.one(found)), &sent).map(drop)
    }

    fn close(&self, found: &Found, title: &str) -> Result<(), ForgeError> {
        self.api.put(&self.one(found), &json!({"state_event": "close", "title": title})).map(drop)
    }

    fn comment(&self, found: &Found, text: &str) -> Result<(), ForgeError> {
        self.api.post(&format!("{}/notes", self.one(found)), &json!({"body": text})).map(drop)
    }
}

/// Whether its branch is one of the project itself; a fork's never is.
fn is_own(value: &&Value) -> bool {
    value["source_project_id"].is_u64() && value["source_project_id"] == value["target_project_id"]
}

fn read(value: &Value) -> Found {
    let title = text(&value["title"]);
    let labels = value["labels"].as_array().into_iter().flatten();
    Found {
        number: value["iid"].as_u64().unwrap_or_default(),
        node: String::new(),
        branch: text(&value["source_branch"]),
        base: text(&value["target_branch"]),
        title: title.strip_prefix(DRAFT).map_or_else(|| title.clone(), str::to_owned),
        body: text(&value["description"]),
        is_merged: value["state"].as_str() == Some("merged"),
        is_draft: value["draft"].as_bool().unwrap_or_else(|| title.starts_with(DRAFT)),
        merges_itself: value["merge_when_pipeline_succeeds"].as_bool() == Some(true),
        labels: labels.map(text).collect(),
        url: text(&value["web_url"]),
    }
}
