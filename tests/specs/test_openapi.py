"""The OpenAPI description is valid, complete, and its schemas take what the documentation shows."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from shutil import copytree
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

Document = dict[str, Any]

# The route tables of the documentation: sections 3 and 4.
STANDARD_ROUTES = {
    ("GET", "/v1/models"),
    ("GET", "/v1/usage"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("POST", "/v1/responses"),
    ("POST", "/v1/responses/{subpath}"),
    ("GET", "/v1/responses"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/images/generations"),
    ("POST", "/v1/images/edits"),
    ("POST", "/v1/images/tasks"),
    ("GET", "/v1/images/tasks/{task_id}"),
    ("GET", "/v1/images/tasks/events"),
    ("POST", "/v1/images/tasks/{task_id}/cancel"),
    ("GET", "/v1/images/tasks"),
    ("GET", "/v1beta/models"),
    ("POST", "/v1beta/models/{model}:generateContent"),
    ("POST", "/antigravity/v1/messages"),
    ("GET", "/antigravity/v1beta/models"),
    ("POST", "/antigravity/v1beta/models/{model}:generateContent"),
}
# What the protocols add under the documented prefixes `/v1beta/models...` and `/antigravity/v1beta/models...`.
PROTOCOL_ROUTES = {
    (method, f"{prefix}/v1beta/models/{{model}}{action}")
    for prefix in ("", "/antigravity")
    for method, action in (("GET", ""), ("POST", ":streamGenerateContent"), ("POST", ":countTokens"))
}
ALIAS_ROUTES = {
    ("POST", "/responses"): ("POST", "/v1/responses"),
    ("POST", "/responses/{subpath}"): ("POST", "/v1/responses/{subpath}"),
    ("GET", "/responses"): ("GET", "/v1/responses"),
    ("POST", "/chat/completions"): ("POST", "/v1/chat/completions"),
    ("POST", "/images/generations"): ("POST", "/v1/images/generations"),
    ("POST", "/images/edits"): ("POST", "/v1/images/edits"),
    ("POST", "/images/tasks"): ("POST", "/v1/images/tasks"),
    ("GET", "/images/tasks/{task_id}"): ("GET", "/v1/images/tasks/{task_id}"),
    ("GET", "/images/tasks/events"): ("GET", "/v1/images/tasks/events"),
    ("POST", "/images/tasks/{task_id}/cancel"): ("POST", "/v1/images/tasks/{task_id}/cancel"),
    ("POST", "/backend-api/codex/responses"): ("POST", "/v1/responses"),
    ("POST", "/backend-api/codex/responses/{subpath}"): ("POST", "/v1/responses/{subpath}"),
    ("GET", "/backend-api/codex/responses"): ("GET", "/v1/responses"),
}


@cache
def _parsed(text: str) -> Document:
    document: Document = yaml.safe_load(text)
    return document


def _complaints(entry: Path) -> Iterator[str]:
    """What the validator says: first of the files as they are, then of all of them as one document.

    The second pass: the validator holds only the entry against OpenAPI's schema, not what the entry refers to.
    """
    files = [entry, *(entry.parent / "openapi").glob("*.yaml")]
    documents = {path: _parsed(path.read_text(encoding="utf-8")) for path in files}
    validators = [
        OpenAPIV31SpecValidator(documents[entry], base_uri=entry.as_uri()),
        OpenAPIV31SpecValidator(_inlined(documents[entry], entry, documents)),
    ]
    return (str(error) for validator in validators for error in validator.iter_errors())


def _inlined(node: Any, path: Path, documents: dict[Path, Document]) -> Any:
    """The node with each reference replaced by what it refers to; the description holds no cycles."""
    if isinstance(node, list):
        return [_inlined(item, path, documents) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" not in node:
        return {key: _inlined(value, path, documents) for key, value in node.items()}
    file, _, pointer = node["$ref"].partition("#")
    target = path.parent / file if file else path
    found: Any = documents[target]
    for part in unquote(pointer).split("/")[1:]:
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return _inlined(found, target, documents)


def test_the_description_is_valid_openapi(specs: Path) -> None:
    assert list(_complaints(specs / "openapi.yaml")) == []


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("openapi.yaml", "scheme: bearer", "schema: bearer"),
        ("openapi/models.yaml", "type: string, minLength: 1", "type: text"),
        ("openapi/models.yaml", "operationId: listModels", "operationId: 7"),
        ("openapi/usage.yaml", "in: query", "in: nowhere"),
        ("openapi/usage.yaml", "operationId: getUsage", "operationId: listModels"),
        ("openapi/tasks.yaml", "name: task_id", "name: other"),
        ("openapi/common.yaml", "content: *anthropic", "contents: *anthropic"),
    ],
)
def test_an_error_in_any_file_is_seen(specs: Path, tmp_path: Path, file: str, right: str, wrong: str) -> None:
    copytree(specs, tmp_path, dirs_exist_ok=True)
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert right in text
    (tmp_path / file).write_text(text.replace(right, wrong), encoding="utf-8")
    assert next(_complaints(tmp_path / "openapi.yaml"), None)


def test_each_documented_route_is_there_and_no_other(operations: dict[str, Document]) -> None:
    routes = {(operation["method"], operation["path"]) for operation in operations.values()}
    assert routes == STANDARD_ROUTES | PROTOCOL_ROUTES | set(ALIAS_ROUTES)


def test_models_and_usage_have_no_alias(operations: dict[str, Document]) -> None:
    assert {"/models", "/usage"}.isdisjoint(operation["path"] for operation in operations.values())


def test_each_alias_points_at_its_standard_route(operations: dict[str, Document]) -> None:
    pointed = {}
    for operation in operations.values():
        if "x-alias-of" in operation:
            standard = operations[operation["x-alias-of"]]
            pointed[(operation["method"], operation["path"])] = (standard["method"], standard["path"])
    assert pointed == ALIAS_ROUTES


def test_an_alias_asks_and_answers_like_its_standard(operations: dict[str, Document]) -> None:
    for alias in [operation for operation in operations.values() if "x-alias-of" in operation]:
        standard = operations[alias["x-alias-of"]]
        for part in ("parameters", "requestBody", "responses"):
            assert alias.get(part) == standard.get(part), alias["operationId"]


def test_only_routes_that_no_page_shows_have_a_basis_of_their_own(operations: dict[str, Document]) -> None:
    bases = {(op["method"], op["path"]): op["x-basis"] for op in operations.values() if "x-basis" in op}
    assert bases == {**dict.fromkeys(PROTOCOL_ROUTES, "protocol"), ("GET", "/v1/images/tasks"): "assumed"}


def test_the_paths_of_the_entry_are_those_of_the_surface_files(specs: Path, operations: dict[str, Document]) -> None:
    there = set()
    for path in (specs / "openapi").glob("*.yaml"):
        there |= set(yaml.safe_load(path.read_text(encoding="utf-8")).get("paths", {}))
    assert there == {operation["path"] for operation in operations.values()}


def test_each_operation_names_its_surface_and_known_facts(
    operations: dict[str, Document], facts: dict[str, Document]
) -> None:
    for name, operation in operations.items():
        assert operation["tags"] == [operation["x-surface"]], name
        assert operation["x-facts"], name
        assert set(operation["x-facts"]) <= set(facts), name


def test_each_operation_documents_the_401_of_a_bad_key(operations: dict[str, Document]) -> None:
    assert [name for name, operation in operations.items() if "401" not in operation["responses"]] == []


def test_a_key_comes_in_one_of_three_headers(specs: Path) -> None:
    entry = yaml.safe_load((specs / "openapi.yaml").read_text(encoding="utf-8"))
    schemes = entry["components"]["securitySchemes"]
    assert [list(alternative) for alternative in entry["security"]] == [[name] for name in schemes]
    assert {scheme.get("name", scheme.get("scheme")) for scheme in schemes.values()} == {
        "bearer",
        "x-api-key",
        "x-goog-api-key",
    }


def test_usage_takes_one_to_ninety_days(operations: dict[str, Document]) -> None:
    days = next(parameter for parameter in operations["getUsage"]["parameters"] if parameter["name"] == "days")
    assert days["schema"] == {"type": "integer", "minimum": 1, "maximum": 90}
    assert not days["required"]


@pytest.mark.parametrize(
    "grammar", sorted((Path(__file__).parents[2] / "specs" / "streams").glob("*.yaml")), ids=lambda path: path.stem
)
def test_a_stream_grammar_names_operations_that_stream(grammar: Path, operations: dict[str, Document]) -> None:
    for name in yaml.safe_load(grammar.read_text(encoding="utf-8"))["operations"]:
        assert "text/event-stream" in operations[name]["responses"]["200"]["content"], name
