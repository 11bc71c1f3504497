#!/usr/bin/env python3
"""Compares a plan with what the generator of the tree says: check-live-tree.py FOLDER BENCH. Called by live-tree."""
import json
import re
import subprocess
import sys

folder, bench = sys.argv[1:]
sys.path.insert(0, bench)
from gen_tree import oci_digest  # noqa: E402


def load(name):
    with open("%s/%s" % (folder, name)) as f:
        return json.load(f)


plan, truth, spec = load("plan.json"), load("truth.json"), load("spec.json")
wrong = []


def parts(version):
    return tuple(int(part) for part in version.lstrip("v").split("."))


def published(source):
    if source["kind"] == "helm":
        return spec["helm"][source["url"].rsplit("/", 1)[1]][source["chart"]]
    if source["kind"] == "oci":
        return spec["oci"][source["repository"].split("/", 1)[1]]
    return spec["git"][re.sub(r"^\w+://[^/]+/|\.git$", "", source["url"])]


def admits(text, version):
    """The five forms of ranges that the generator writes."""
    found = parts(version)
    if text.startswith(">="):
        low, high = text[2:].split(" <")
        return parts(low) <= found < parts(high)
    if text.startswith("^"):
        low = parts(text[1:])
        high = (low[0] + 1,) if low[0] else (0, low[1] + 1) if low[1] else (0, 0, low[2] + 1)
        return low <= found < high
    if text.startswith("~"):
        return parts(text[1:]) <= found and parts(text[1:])[:2] == found[:2]
    fixed = [int(part) for part in text.split(".") if part.isdigit()]
    return list(found[:len(fixed)]) == fixed


def check(record, site, outcome):
    """Whether a site has the value of its record, and ends where the spec says."""
    tags = published(site["source"])
    newest = max(tags, key=parts)
    field, value = record["field"], record["value"]
    if field.endswith("commit"):
        repository = "%s/state/www/%s" % (folder, re.sub(r"^\w+://[^/]+/", "", site["source"]["url"]))
        head = subprocess.run(["git", "-C", repository, "rev-parse", "main"], capture_output=True, text=True).stdout.strip()
        return outcome.get("to") == head
    ranged = field.endswith("semver") or value[0] in "<>^~" or value.endswith(("x", "*"))
    if ranged:
        inside = max((tag for tag in tags if admits(value, tag)), key=parts)
        reason = outcome["reason"]
        if inside == newest:
            return reason["kind"] == "floating" and reason["resolvesTo"] == newest
        return reason["kind"] == "beyondRules" and reason["newest"] == newest
    if field.endswith("digest"):
        repository = site["source"]["repository"].split("/", 1)[1]
        value = next(tag for tag in tags if oci_digest(repository, tag) == value)
        reachable = max((tag for tag in tags if parts(tag)[0] == parts(value)[0]), key=parts)
        if reachable == value:
            return outcome.get("reason", {}).get("kind") in ("beyondRules", "upToDate")
        return outcome.get("to", "").endswith(oci_digest(repository, reachable))
    reachable = max((tag for tag in tags if parts(tag)[0] == parts(value)[0]), key=parts)
    if reachable == value:
        return outcome.get("reason", {}).get("kind") in ("beyondRules", "upToDate")
    return outcome.get("to", "").split("@")[0] == reachable


sites = {}
for outcome in plan["changes"] + plan["held"]:
    sites.setdefault((outcome["path"], outcome["owner"]["kind"], outcome["owner"]["name"]), []).append(outcome)
used = set()
for record in truth:
    for outcome in sites.get((record["file"], record["kind"], record["name"]), []):
        written = outcome.get("from", outcome.get("written"))
        if record["value"] in (written, *written.split("@")) and (
            outcome["field"] == record["field"] or "@" in written or record["field"].startswith("values.")
        ):
            used.add(outcome["id"])
            if not check(record, outcome, outcome):
                wrong.append((record, outcome))
            break
    else:
        wrong.append((record, None))
others = [found for found in plan["changes"] + plan["held"] if found["id"] not in used]
strangers = [found for found in others if found["owner"]["kind"] != "Deployment"]
print("%d records of the generator, %d sites, of them %d images of Deployments" % (
    len(truth), len(plan["changes"]) + len(plan["held"]), len(others) - len(strangers)))
for record, outcome in wrong[:10]:
    print("wrong:", json.dumps(record), json.dumps(outcome)[:600])
for found in strangers[:10]:
    print("unexpected:", json.dumps(found)[:400])

requests, git = load("state/requests.json"), load("git.json")
print("requests:", json.dumps({**requests, **{"git-" + key: count for key, count in git.items()}}))
most = {"helm": len(spec["helm"]), "oci-get-tags": len(spec["oci"])}
late = [name for name, count in most.items() if requests.get(name, 0) > count]
late += ["git " + name for name, count in git.items() if count > len(spec["git"])]
if late:
    print("more than one request for a source:", late)
print("%d wrong, %d unexpected, one request for a source and page: %s" % (len(wrong), len(strangers), not late))
sys.exit(bool(wrong or strangers or late))
