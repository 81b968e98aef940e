"""The contract's files satisfy their JSON Schemas, and the schemas refuse what they must."""

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

SPECS = Path(__file__).parents[2] / "specs"
SINGLE = ("access", "bounds", "exclusions", "facts", "sources", "tasks")


def _validator(name: str) -> Draft202012Validator:
    schema = json.loads((SPECS / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema, format_checker=FormatChecker())


def _complaints(name: str, document: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in _validator(name).iter_errors(document)]


@cache
def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted((SPECS / "schemas").glob("*.schema.json")), ids=lambda path: path.stem)
def test_a_schema_is_itself_valid(path: Path) -> None:
    Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", SINGLE)
def test_a_file_satisfies_its_schema(name: str) -> None:
    assert _complaints(name, _read(SPECS / f"{name}.yaml")) == []


@pytest.mark.parametrize("path", sorted((SPECS / "clauses").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_clause_file_satisfies_its_schema(path: Path) -> None:
    assert _complaints("clauses", _read(path)) == []


CLAUSE = {
    "id": "RSP-S01",
    "level": "MUST",
    "basis": "documented",
    "status": "planned",
    "issue": 3,
    "statement": "The gateway serves the page's example.",
    "source": {"page": "RSP", "facts": ["F5.13"]},
    "since": "0.1.0",
}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"basis": "assumed"}, id="an assumed MUST"),
        pytest.param({"status": "active"}, id="an active clause with an issue"),
        pytest.param({"issue": None}, id="a planned clause without an issue"),
        pytest.param({"status": "excluded", "issue": None}, id="an excluded clause without a reason"),
        pytest.param({"id": "XYZ-S01"}, id="an unknown prefix"),
        pytest.param({"id": "RSP-S1"}, id="an id with one digit"),
        pytest.param({"level": "MAY"}, id="an unknown level"),
        pytest.param({"source": {}}, id="no source"),
        pytest.param({"source": {"rules": ["R-S1"]}}, id="a documented clause without a page"),
        pytest.param({"source": {"facts": ["F5.13"]}}, id="facts without a page"),
        pytest.param({"basis": "protocol"}, id="a protocol clause without a rule"),
        pytest.param({"basis": "standard"}, id="a standard clause without a reference"),
        pytest.param({"severity": "high"}, id="an unknown member"),
    ],
)
def test_the_clause_schema_refuses(change: dict[str, object]) -> None:
    assert _complaints("clauses", {"surface": "responses", "clauses": [CLAUSE]}) == []
    changed = {key: value for key, value in {**CLAUSE, **change}.items() if value is not None}
    assert _complaints("clauses", {"surface": "responses", "clauses": [changed]})


ALLOW = {"allow": True, "basis": "documented", "level": "MUST", "facts": ["F5.1"]}
DENY = {"deny": {"statuses": [404], "envelope": "any"}, "basis": "documented", "level": "MUST", "facts": ["F5.1"]}


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param({**ALLOW, "allow": False}, id="allow that is false"),
        pytest.param({**ALLOW, "basis": "assumed"}, id="an assumed MUST"),
        pytest.param({**DENY, "allow": True}, id="both allow and deny"),
        pytest.param({**DENY, "deny": {"statuses": [], "envelope": "any"}}, id="deny without a status"),
        pytest.param({**DENY, "deny": {"statuses": [500], "envelope": "any"}}, id="deny with a 5xx"),
        pytest.param({**DENY, "deny": {"statuses": [404], "envelope": "html"}}, id="an unknown envelope"),
        pytest.param({"unspecified": ""}, id="unspecified without a reason"),
        pytest.param({"allow": True}, id="allow without a basis"),
    ],
)
def test_the_access_schema_refuses(cell: dict[str, object]) -> None:
    matrix = _read(SPECS / "access.yaml")
    broken = deepcopy(matrix)
    broken["cells"]["general:openai"]["listModels"] = cell
    assert _complaints("access", matrix) == []
    assert _complaints("access", broken)


@pytest.mark.parametrize("reason", ["boring", "duplicate_of:", "duplicate_of:F5", "not_offered"], ids=str)
def test_the_exclusion_schema_refuses_a_reason_outside_the_list(reason: str) -> None:
    assert _complaints("exclusions", {"exclusions": [{"fact": "F1.4", "reason": "advice"}]}) == []
    assert _complaints("exclusions", {"exclusions": [{"fact": "F1.4", "reason": reason}]})


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"seen": "CUT"}, id="a cut page that does not say where"),
        pytest.param({"digest": None}, id="no digest and no note"),
        pytest.param({"digest": "abc"}, id="a digest that is none"),
        pytest.param({"read": "yesterday"}, id="a date that is none"),
    ],
)
def test_the_source_schema_refuses(change: dict[str, object]) -> None:
    document = _read(SPECS / "sources.yaml")
    page = {
        "code": "GS",
        "title": "Start",
        "path": "/en/x",
        "seen": "COMPLETE",
        "read": "2026-11-23",
        "digest": "0" * 64,
    }
    assert _complaints("sources", {**document, "pages": [page]}) == []
    assert _complaints("sources", {**document, "pages": [{**page, **change}]})
