//! The API of Gitea and Forgejo, version 1.
//!
//! Source: docs.gitea.com and codeberg.org/api/swagger: repoListPullRequests, repoCreatePullRequest, repoEditPullRequest,
//! repoMergePullRequest, repoCreatePullReviewRequests, issueListLabels, issueCreateLabel, issueAddLabel, issueCreateComment.

use serde_json::{Value, json};

use super::api::{Api, text};
use super::{ForgeError, Found, LABEL_COLOR, LABEL_FOR, Proposal, Speaks, Text, is_same_label};

/// Entries that are asked for; an instance may give fewer, so that only an empty page is the last.
const ASKED: usize = 50;
/// Pages of what is no longer open: there is no question for one branch's.
const CLOSED_PAGES: usize = 6;
/// What a draft's title begins with.
const DRAFT: &str = "WIP: ";

pub(super) struct Gitea {
    api: Api,
    project: String,
}

impl Gitea {
    pub(super) fn new(api: Api, project: String) -> Self {
        Self { api, project }
    }

    fn at(&self, rest: &str) -> String {
        format!("/repos/{}{rest}", self.project)
    }

    fn list(&self, state: &str, most: usize) -> Result<Vec<Found>, ForgeError> {
        let query = format!("/pulls?state={state}&sort=recentupdate&limit={ASKED}");
        let list = self.api.pages(most, 1, |page| self.at(&format!("{query}&page={page}")))?;
        Ok(list.iter().filter(is_own).map(read).collect())
    }

    fn titled(title: &str, is_draft: bool) -> String {
        format!("{}{title}", if is_draft { DRAFT } else { "" })
    }
}

impl Speaks for Gitea {
    fn open_ones(&self) -> Result<Vec<Found>, ForgeError> {
        self.list("open", 100)
    }

    fn last_closed(&self, branch: &str) -> Result<Option<Found>, ForgeError> {
        let mut of_branch = self.list("closed", CLOSED_PAGES)?;
        of_branch.retain(|found| found.branch == branch);
        Ok(of_branch.into_iter().max_by_key(|found| found.number))
    }

    fn open(&self, proposal: &Proposal, body: &str) -> Result<Found, ForgeError> {
        let sent = json!({
            "head": proposal.branch, "base": proposal.base, "body": body,
            "title": Self::titled(&proposal.title, proposal.draft),
        });
        self.api.post(&self.at("/pulls"), &sent).map(|value| read(&value))
    }

    fn update(&self, found: &Found, changes: &Text<'_>) -> Result<(), ForgeError> {
        let mut sent = serde_json::Map::new();
        let title = changes.title.map(|title| Self::titled(title, found.is_draft));
        for (key, value) in [("title", title.as_deref()), ("body", changes.body), ("base", changes.base)] {
            sent.extend(value.map(|value| (key.to_owned(), value.into())));
        }
        self.api.patch(&self.at(&format!("/pulls/{}", found.number)), &Value::Object(sent)).map(drop)
    }

    fn change_labels(&self, found: &Found, more: &[String], less: &[String]) -> Result<(), ForgeError> {
        let known = self.api.pages(20, 1, |page| self.at(&format!("/labels?limit={ASKED}&page={page}")))?;
        let id_of = |label: &String| {
            let is_it = |value: &&Value| is_same_label(&text(&value["name"]), label);
            known.iter().find(is_it).map(|value| value["id"].clone())
        };
        let mut ids = Vec::new();
        for label in more {
            ids.push(match id_of(label) {
                Some(id) => id,
                None => {
                    let color = format!("#{LABEL_COLOR}");
                    let sent = json!({"name": label, "color": color, "description": LABEL_FOR});
                    self.api.post(&self.at("/labels"), &sent)?["id"].clone()
                }
            });
        }
        let at = self.at(&format!("/issues/{}/labels", found.number));
        if !ids.is_empty() {
            self.api.post(&at, &json!({"labels": ids}))?;
        }
        for id in less.iter().filter_map(id_of) {
            self.api.delete(&format!("{at}/{id}"))?;
        }
        Ok(())
    }

    fn ask_reviewers(&self, found: &Found, reviewers: &[String]) -> Result<(), ForgeError> {
        let (teams, people): (Vec<&String>, Vec<&String>) =
            reviewers.iter().partition(|name| name.contains('/'));
        let teams: Vec<&str> = teams.iter().filter_map(|name| Some(name.split_once('/')?.1)).collect();
        let sent = json!({"reviewers": people, "team_reviewers": teams});
        self.api.post(&self.at(&format!("/pulls/{}/requested_reviewers", found.number)), &sent).map(drop)
    }

    fn merge_when_ready(&self, found: &Found) -> Result<(), ForgeError> {
        let project = self.api.get(&self.at(""))?;
        let way = project["default_merge_style"].as_str().filter(|way| !way.is_empty()).unwrap_or("merge");
        let sent = json!({"Do": way, "merge_when_checks_succeed": true, "delete_branch_after_merge": true});
        self.api.post(&self.at(&format!("/pulls/{}/merge", found.number)), &sent).map(drop)
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

/// Whether its branch is one of the project itself; a fork's never is.
fn is_own(value: &&Value) -> bool {
    let of = |side: &str| value[side]["repo"]["id"].as_u64();
    of("head").is_some() && of("head") == of("base")
}

fn read(value: &Value) -> Found {
    let title = text(&value["title"]);
    let labels = value["labels"].as_array().into_iter().flatten();
    Found {
        number: value["number"].as_u64().unwrap_or_default(),
        node: String::new(),
        branch: text(&value["head"]["ref"]),
        base: text(&value["base"]["ref"]),
        title: title.strip_prefix(DRAFT).map_or_else(|| title.clone(), str::to_owned),
        body: text(&value["body"]),
        is_merged: value["merged"].as_bool() == Some(true),
        is_draft: value["draft"].as_bool() == Some(true) || title.starts_with(DRAFT),
        // The forge does not say; asking again is refused, and taken as done.
        merges_itself: false,
        labels: labels.map(|label| text(&label["name"])).collect(),
        url: text(&value["html_url"]),
    }
}
