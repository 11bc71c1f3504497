from __future__ import annotations

import json
from typing import Any

import flux_upgrade as fu
import pytest
from responses import Answer


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Lets the native half give a set response; what it is asked is in the list."""

    def install(response: dict[str, Any]) -> list[Any]:
        requests: list[Any] = []

        def native(request: str) -> str:
            requests.append(json.loads(request))
            return json.dumps(response)

        monkeypatch.setattr(fu._native, "plan", native)
        monkeypatch.setattr(fu._native, "plan_live", lambda request: (native(request), ""))
        return requests

    return install
