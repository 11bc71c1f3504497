"""Responses of the native half, written by hand: what it may say, and more than the package knows of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

Answer: TypeAlias = Callable[[dict[str, Any]], list[Any]]

SITE: dict[str, Any] = {
    "id": "apps/podinfo.yaml:8:12",
    "path": "apps/podinfo.yaml",
    "line": 8,
    "column": 12,
    "owner": {"kind": "OCIRepository", "namespace": "apps", "name": "podinfo"},
    "field": "spec.ref.tag",
}

CHANGE = SITE | {"from": "6.5.0", "to": "6.9.0", "level": "minor", "notes": ["a", {"b": [1, None]}]}

HELD = SITE | {
    "owner": {"kind": "GitRepository", "name": "podinfo"},
    "written": "6.5.0",
    "reason": {"kind": "beyondRules", "newest": "7.0.0", "level": "major"},
    "clusters": ["production"],
}

DIAGNOSTIC = {
    "code": "yaml.syntax",
    "severity": "error",
    "message": "`:` is not expected here",
    "path": "apps/podinfo.yaml",
    "line": 3,
    "column": 1,
    "related": [{"path": "b.yaml", "line": 1, "column": 1}],
}

SERIES: dict[str, Any] = {
    "id": "clusters/a/flux.yaml:8:14",
    "path": "clusters/a/flux.yaml",
    "line": 8,
    "column": 14,
    "owner": {"kind": "FluxInstance", "namespace": "flux-system", "name": "flux"},
    "clusters": ["clusters/a"],
    "steps": [
        {
            "from": "v2.4.0",
            "to": "v2.7.5",
            "group": "flux",
            "changes": ["clusters/a/flux.yaml:8:14"],
            "migrations": [],
            "preflight": [],
            "inCluster": ["flux migrate"],
        },
        {
            "from": "v2.7.5",
            "to": "v2.9.4",
            "changes": [],
            "migrations": [{"path": "b.yaml", "object": "Alert a", "from": "x/v1beta2", "to": "x/v1"}],
            "preflight": [DIAGNOSTIC],
            "inCluster": [],
        },
    ],
}

RESPONSE: dict[str, Any] = {
    "plan": {
        "schema": "flux-upgrade/plan/v1",
        "summary": {"changes": 1},
        "changes": [CHANGE],
        "held": [HELD],
        "series": [SERIES],
        "groups": [
            {
                "id": "podinfo",
                "title": "Update podinfo to 6.9.0",
                "level": "minor",
                "delivery": "commit",
                "schedule": ["every weekend"],
                "changes": ["apps/podinfo.yaml:8:12"],
                "after": [],
            },
        ],
        "diagnostics": [DIAGNOSTIC],
        "future": {"grüße": 1.5},
    },
    "diff": "--- a\n+++ b\n",
    "markdown": "| a |\n",
    "jsonPatch": {"schema": "flux-upgrade/json-patch/v1", "documents": []},
    "patched": {"apps/podinfo.yaml": "tag: 6.9.0\r\n"},
}
