from __future__ import annotations

import pickle

import flux_upgrade as fu
import pytest
from responses import Answer


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("yaml.syntax", fu.ManifestError),
        ("manifest.number-as-version", fu.ManifestError),
        ("range.syntax", fu.RangeError),
        ("patch.moved", fu.PatchError),
        ("snapshot.schema", fu.AnswerError),
        ("answer.unknown-query", fu.AnswerError),
        ("rules.syntax", fu.FluxUpgradeError),
        ("yamlish", fu.FluxUpgradeError),
    ],
)
def test_the_code_tells_which_exception(answer: Answer, code: str, kind: type[fu.FluxUpgradeError]) -> None:
    answer({"error": {"code": code, "message": "this went wrong"}})
    with pytest.raises(fu.FluxUpgradeError) as caught:
        fu.plan({})
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.message) == (code, "this went wrong")
    assert (caught.value.help, caught.value.path, caught.value.line, caught.value.column) == (None,) * 4
    assert str(caught.value) == f"this went wrong [{code}]"


def test_an_error_says_where_and_what_to_do(answer: Answer) -> None:
    place = {"path": ".flux-upgrade.yaml", "line": 3, "column": 10}
    answer({"error": {"code": "rules.bad-value", "message": "`mino` is no level", "help": "`minor`?", **place}})
    with pytest.raises(fu.FluxUpgradeError) as caught:
        fu.plan({})
    error = caught.value
    assert str(error) == ".flux-upgrade.yaml:3:10: `mino` is no level [rules.bad-value]\n  help: `minor`?"
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error)
    assert (twin.code, twin.path, twin.column, str(twin)) == (
        error.code,
        error.path,
        error.column,
        str(error),
    )


def test_what_the_caller_got_wrong_is_a_value_error() -> None:
    for kind in (fu.ManifestError, fu.RangeError, fu.AnswerError):
        assert issubclass(kind, ValueError)


def test_a_file_that_looks_like_rules_and_is_not_read_is_refused() -> None:
    with pytest.raises(fu.FluxUpgradeError) as caught:
        fu.plan({".flux-upgrade.yml": "version: 1\n"})
    assert caught.value.code == "rules.file-name"
    fu.plan({".flux-upgrade.yml": "version: 1\n"}, config="version: 1\n")
