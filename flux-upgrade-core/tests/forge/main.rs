//! Pull requests at forges of ours that speak the documented routes, and refuse everything else.
#![cfg(feature = "native")]
#![allow(clippy::unwrap_used, dead_code)]

mod fake;
#[path = "../live/server.rs"]
mod server;

use fake::{Fake, Kind, TOKEN};
use flux_upgrade_core::host::{
    Cancel, Closing, Forge, ForgeKind, Home, HttpOptions, Proposal, Synced, SyncedState,
};

const KINDS: [Kind; 3] = [Kind::GitHub, Kind::GitLab, Kind::Gitea];

fn forge(fake: &Fake) -> Forge {
    let (kind, variable) = match fake.kind {
        Kind::GitHub => (ForgeKind::GitHub, "GITHUB_TOKEN"),
        Kind::GitLab => (ForgeKind::GitLab, "GITLAB_TOKEN"),
        Kind::Gitea => (ForgeKind::Gitea, "GITEA_TOKEN"),
    };
    let url = "git@git.example.com:acme/fleet.git";
    let home = Home::of_remote(url, Some(kind), Some(&fake.api()), |_| None).unwrap();
    let variables = move |name: &str| (name == variable).then(|| TOKEN.to_owned());
    Forge::new(home, variables, HttpOptions::default(), Cancel::default()).unwrap()
}

fn proposal() -> Proposal {
    Proposal {
        branch: "flux-upgrade/podinfo".to_owned(),
        base: "main".to_owned(),
        title: "Update podinfo to 6.9.1".to_owned(),
        offer: "podinfo 6.9.1".to_owned(),
        body: "| From | To |\n| --- | --- |\n| 6.8.0 | 6.9.1 |\n".to_owned(),
        labels: vec!["flux-upgrade".to_owned(), "minor".to_owned()],
        reviewers: vec!["alice".to_owned()],
        ..Proposal::default()
    }
}

fn sync(fake: &Fake, wanted: &[Proposal], obsolete: &[Closing]) -> Vec<Synced> {
    let synced: Vec<_> = forge(fake).sync(wanted, obsolete).unwrap();
    let synced = synced.into_iter().map(Result::unwrap).collect();
    fake.assert_no_violation();
    synced
}

fn states(synced: &[Synced]) -> Vec<SyncedState> {
    synced.iter().map(|one| one.state).collect()
}

#[test]
fn opened_once_then_updated_then_closed() {
    for kind in KINDS {
        let fake = Fake::start(kind);
        let opened = sync(&fake, &[proposal()], &[]);
        assert_eq!(states(&opened), [SyncedState::Opened], "{kind:?}");
        assert!(opened[0].notes.is_empty(), "{kind:?}: {:?}", opened[0].notes);
        let pull = fake.pull(0);
        assert_eq!(
            (pull.title.as_str(), pull.head.as_str(), pull.base.as_str()),
            ("Update podinfo to 6.9.1", "flux-upgrade/podinfo", "main")
        );
        assert!(pull.body.starts_with("| From | To |") && pull.body.contains("<!-- flux-upgrade: "));
        assert_eq!(
            (pull.labels, pull.reviewers),
            (vec!["flux-upgrade".to_owned(), "minor".to_owned()], vec!["alice".to_owned()])
        );

        let writes = fake.writes();
        assert_eq!(states(&sync(&fake, &[proposal()], &[])), [SyncedState::Unchanged], "{kind:?}");
        assert_eq!(fake.writes(), writes, "{kind:?}: nothing but questions");

        let newer = Proposal {
            title: "Update podinfo to 6.10.0".to_owned(),
            base: "flux-upgrade/crds".to_owned(),
            offer: "podinfo 6.10.0".to_owned(),
            labels: vec!["Flux-Upgrade".to_owned(), "major".to_owned()],
            no_labels: vec!["minor".to_owned()],
            ..proposal()
        };
        assert_eq!(states(&sync(&fake, std::slice::from_ref(&newer), &[])), [SyncedState::Updated]);
        assert_eq!((fake.pull(0).title, fake.pull(0).base), (newer.title.clone(), newer.base.clone()));
        assert_eq!(
            fake.pull(0).labels,
            ["flux-upgrade", "major"],
            "{kind:?}: others of before stay, and no twin"
        );
        let writes = fake.writes();
        assert_eq!(states(&sync(&fake, std::slice::from_ref(&newer), &[])), [SyncedState::Unchanged]);
        assert_eq!(fake.writes(), writes, "{kind:?}: nothing but questions");

        let closing = Closing { branch: newer.branch.clone(), comment: "Nothing is left to do.".to_owned() };
        let closed = sync(&fake, &[], std::slice::from_ref(&closing));
        assert_eq!(states(&closed), [SyncedState::Closed], "{kind:?}");
        assert_eq!(fake.pull(0).comments, ["Nothing is left to do."]);
        assert_eq!(fake.pull(0).state, "closed");
        // What we have closed ourselves may come again.
        assert_eq!(states(&sync(&fake, &[newer], &[closing])), [SyncedState::Opened]);
        assert_eq!(fake.count(), 2);
    }
}

#[test]
fn what_somebody_has_closed_is_not_offered_again_until_it_is_newer() {
    for kind in KINDS {
        let fake = Fake::start(kind);
        sync(&fake, &[proposal()], &[]);
        fake.change(0, |pull| pull.state = "closed");
        // The title may be in other words, of ours today or of a person then: what is offered counts.
        let reworded = Proposal { title: "Take podinfo 6.9.1".to_owned(), ..proposal() };
        let newer = Proposal { offer: "podinfo 6.10.0".to_owned(), ..proposal() };
        let offers = [proposal(), reworded.clone(), newer.clone()];
        assert_eq!(forge(&fake).declined(&offers).unwrap(), [true, true, false]);
        fake.change(0, |pull| pull.title = "No, thank you".to_owned());
        assert_eq!(states(&sync(&fake, &[reworded], &[])), [SyncedState::Declined], "{kind:?}");
        assert_eq!(states(&sync(&fake, &[newer], &[])), [SyncedState::Opened]);
        // A text of an earlier release does not say what it offers: then the title counts.
        let fake = Fake::start(kind);
        sync(&fake, &[proposal()], &[]);
        fake.change(0, |pull| {
            pull.state = "closed";
            pull.body = "<!-- flux-upgrade: 0123456789abcdef -->".to_owned();
        });
        let newer = Proposal { title: "Update podinfo to 6.10.0".to_owned(), ..proposal() };
        assert_eq!(forge(&fake).declined(&[proposal(), newer]).unwrap(), [true, false]);
        // What is merged is no refusal.
        let fake = Fake::start(kind);
        sync(&fake, &[proposal()], &[]);
        fake.change(0, |pull| pull.state = "merged");
        assert_eq!(states(&sync(&fake, &[proposal()], &[])), [SyncedState::Opened], "{kind:?}");
    }
}

#[test]
fn a_text_that_somebody_has_changed_stays() {
    for kind in KINDS {
        let fake = Fake::start(kind);
        sync(&fake, &[proposal()], &[]);
        fake.change(0, |pull| {
            pull.body = pull.body.replace("6.8.0", "6.8.0, which broke");
            pull.labels.clear();
        });
        let before = fake.pull(0);
        let title = "Update podinfo to 6.10.0".to_owned();
        let newer = Proposal { title, automerge: true, ..proposal() };
        assert_eq!(
            states(&sync(&fake, std::slice::from_ref(&newer), &[])),
            [SyncedState::Edited],
            "{kind:?}"
        );
        assert_eq!(fake.pull(0), before);
        // What it stands on was merged: the base is ours to move, since we have set it.
        let onto = Proposal { base: "flux-upgrade/crds".to_owned(), ..newer };
        assert_eq!(states(&sync(&fake, &[onto], &[])), [SyncedState::Edited], "{kind:?}");
        assert_eq!(fake.pull(0), fake::Pull { base: "flux-upgrade/crds".to_owned(), ..before });
    }
}

#[test]
fn a_base_that_somebody_has_set_stays() {
    for kind in KINDS {
        let fake = Fake::start(kind);
        sync(&fake, &[proposal()], &[]);
        fake.change(0, |pull| pull.base = "release".to_owned());
        let before = fake.pull(0);
        let newer = Proposal { offer: "podinfo 6.10.0".to_owned(), automerge: true, ..proposal() };
        let synced = sync(&fake, &[newer], &[]);
        assert_eq!(states(&synced), [SyncedState::Edited], "{kind:?}");
        assert_eq!(
            synced[0].notes,
            ["its pull request is for `release`, as somebody has set it, and not for `main`"]
        );
        assert_eq!(fake.pull(0), before);
    }
}

/// Of a branch of ours somebody may open what they like: nothing is sent to it.
#[test]
fn a_pull_request_of_a_person_is_theirs() {
    for kind in KINDS {
        let theirs = |base: &str| fake::Pull {
            head: proposal().branch,
            base: base.to_owned(),
            title: "By hand".to_owned(),
            ..fake::Pull::default()
        };
        let fake = Fake::start(kind);
        fake.add(theirs("main"));
        let before = fake.pull(0);
        let wanted = Proposal { automerge: true, ..proposal() };
        assert_eq!(
            states(&sync(&fake, std::slice::from_ref(&wanted), &[])),
            [SyncedState::Foreign],
            "{kind:?}"
        );
        assert_eq!((fake.pull(0), fake.writes()), (before.clone(), 0), "{kind:?}");
        // One for another base is no reason to open none; ours is then the one that counts.
        let fake = Fake::start(kind);
        fake.add(theirs("release"));
        let before = fake.pull(0);
        assert_eq!(
            states(&sync(&fake, std::slice::from_ref(&wanted), &[])),
            [SyncedState::Opened],
            "{kind:?}"
        );
        assert_eq!(states(&sync(&fake, &[wanted], &[])), [SyncedState::Unchanged], "{kind:?}");
        assert_eq!((fake.pull(0), fake.count()), (before, 2), "{kind:?}");
    }
}

/// What was sent and failed at the server may have been done: it is not sent a second time.
#[test]
fn nothing_is_made_twice() {
    for kind in KINDS {
        let fake = Fake::start(kind);
        let opens = if kind == Kind::GitLab { "merge_requests" } else { "pulls" };
        fake.break_("POST", opens, 502);
        let failed = forge(&fake).sync(&[proposal()], &[]).unwrap();
        let unsynced = failed[0].as_ref().unwrap_err();
        assert_eq!(
            (unsynced.branch.as_str(), unsynced.error.code()),
            ("flux-upgrade/podinfo", "forge.refused")
        );
        assert!(unsynced.to_string().starts_with("flux-upgrade/podinfo: "), "{unsynced}");
        assert_eq!(fake.writes(), 1, "{kind:?}");

        // A closing that is refused leaves no comment, in no run.
        let fake = Fake::start(kind);
        sync(&fake, &[proposal()], &[]);
        let method = if kind == Kind::GitLab { "PUT" } else { "PATCH" };
        let end = if kind == Kind::GitLab { "merge_requests/1" } else { "pulls/1" };
        fake.break_(method, end, 403);
        let closing = Closing { branch: proposal().branch, comment: "Nothing is left to do.".to_owned() };
        for _ in 0..2 {
            assert!(forge(&fake).sync(&[], std::slice::from_ref(&closing)).unwrap()[0].is_err());
        }
        assert!(fake.pull(0).comments.is_empty(), "{kind:?}");
    }
}

/// A pull request of a person from a branch of that name, or of a fork, is theirs.
#[test]
fn only_ours_are_closed() {
    for kind in KINDS {
        let fake = Fake::start(kind);
        sync(&fake, &[proposal()], &[]);
        fake.change(0, |pull| pull.body = "Written by hand".to_owned());
        let closing = Closing { branch: proposal().branch, comment: "no".to_owned() };
        assert_eq!(states(&sync(&fake, &[], std::slice::from_ref(&closing))), []);
        let fake = Fake::start(kind);
        sync(&fake, &[proposal()], &[]);
        fake.change(0, |pull| pull.is_fork = true);
        assert_eq!(states(&sync(&fake, &[], &[closing])), []);
        assert_eq!(fake.pull(0).state, "open");
    }
}

#[test]
fn drafts_and_merging_by_itself() {
    for kind in KINDS {
        let fake = Fake::start(kind);
        let draft = Proposal { draft: true, automerge: true, ..proposal() };
        sync(&fake, std::slice::from_ref(&draft), &[]);
        assert!(fake.pull(0).is_draft && !fake.pull(0).merges_itself, "{kind:?}: a draft is not merged");
        assert!(fake.shown_title(0).ends_with("Update podinfo to 6.9.1"));
        // A draft stays a draft when its text moves.
        let newer = Proposal { title: "Update podinfo to 6.10.0".to_owned(), ..draft };
        assert_eq!(states(&sync(&fake, &[newer], &[])), [SyncedState::Updated]);
        assert!(fake.pull(0).is_draft, "{kind:?}");

        let fake = Fake::start(kind);
        let automerge = Proposal { automerge: true, ..proposal() };
        sync(&fake, std::slice::from_ref(&automerge), &[]);
        assert!(fake.pull(0).merges_itself, "{kind:?}");
        assert_eq!(states(&sync(&fake, &[automerge], &[])), [SyncedState::Unchanged]);
    }
}

#[test]
fn a_refused_extra_is_a_note_and_a_refused_opening_is_an_error() {
    for kind in KINDS {
        let fake = Fake::start(kind);
        let unknown = Proposal { reviewers: vec!["nobody".to_owned()], ..proposal() };
        let opened = sync(&fake, &[unknown], &[]);
        assert_eq!((states(&opened), opened[0].notes.len()), (vec![SyncedState::Opened], 1), "{kind:?}");

        let fake = Fake::start(kind);
        let no_base = Proposal { base: "gone".to_owned(), branch: "flux-upgrade/b".to_owned(), ..proposal() };
        let results = forge(&fake).sync(&[no_base, proposal()], &[]).unwrap();
        let error = results[0].as_ref().unwrap_err();
        assert_eq!(error.error.code(), "forge.refused");
        assert!(error.to_string().contains("POST") && error.to_string().contains("base"), "{error}");
        assert_eq!(results[1].as_ref().unwrap().state, SyncedState::Opened, "the others go on");
    }
}

/// The token is in the header that the forge wants, and in nothing that is shown.
#[test]
fn the_token_goes_to_the_forge_alone() {
    for kind in KINDS {
        let fake = Fake::start(kind);
        fake.refuse_all("Bad credentials: s3cret-t0ken");
        let forge = forge(&fake);
        let error = forge.sync(&[proposal()], &[]).unwrap_err();
        let shown = format!("{error} {error:?} {forge:?}");
        assert!(!shown.contains(TOKEN), "{shown}");
        assert!(
            shown.contains("Bad credentials") && shown.contains("; the token is missing, wrong or expired"),
            "{shown}"
        );

        let elsewhere = server::Server::start(|_| server::Reply::body("[]"));
        fake.redirect_all(&format!("http://localhost:{}/x", elsewhere.address.port()));
        let _ = forge.sync(&[proposal()], &[]);
        for seen in elsewhere.seen() {
            assert!(!seen.headers.iter().any(|(_, value)| value.contains(TOKEN)), "{kind:?}: {seen:?}");
        }
    }
    let home = Home::of_remote("https://gitlab.com/a/b", None, None, |_| None).unwrap();
    let error = Forge::new(home, |_| None, HttpOptions::default(), Cancel::default()).unwrap_err();
    assert_eq!(error.to_string(), "no token for GitLab: set GITLAB_TOKEN or CI_JOB_TOKEN");
}

#[test]
fn many_pages_are_read() {
    for kind in KINDS {
        let fake = Fake::start(kind);
        fake.add_strangers(230);
        sync(&fake, &[proposal()], &[]);
        fake.add_strangers(120);
        assert_eq!(states(&sync(&fake, &[proposal()], &[])), [SyncedState::Unchanged], "{kind:?}");
    }
}
