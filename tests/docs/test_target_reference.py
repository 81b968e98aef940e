"""The reference of target and waivers files: what it shows, and what the schemas for editors say."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from typer.testing import CliRunner

from docs.generator.target_reference import EXAMPLES, reference_of
from llmapi_conformance.cli import app
from llmapi_conformance.errors import TargetError
from llmapi_conformance.target.files import load_target
from llmapi_conformance.target.schema import SCHEMAS
from llmapi_conformance.target.waivers import load_waivers

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = {
    "STAGING_ANTHROPIC_KEY": "sk-staging-anthropic",
    "OTHER_TENANT_KEY": "sk-other-tenant-key",
    "GATE_PASS": "pass-of-the-gate",
}
ROOT = Path(__file__).resolve().parents[2]
TARGETS = sorted(path for folder in ("fixtures", "examples") for path in (ROOT / folder).rglob("target*.toml"))
GOOD = """
name = "staging"
base_url = "https://gateway.example"

[roles."general:openai"]
key_env = "STAGING_ANTHROPIC_KEY"
"""


def problems(kind: str, text: str) -> list[str]:
    schema = SCHEMAS[kind]()
    jsonschema.Draft202012Validator.check_schema(schema)
    found = tomllib.loads(text)
    plain = json.loads(json.dumps(found, default=date.isoformat))
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(plain)]


def entries_of(schema: dict[str, Any]) -> list[str]:
    return [name for model in (schema, *schema["$defs"].values()) for name in model["properties"]]


def keys_in(value: Any) -> Iterator[str]:
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys_in(one)
    if isinstance(value, dict):
        yield from value


@pytest.fixture
def example(tmp_path: Path) -> Path:
    text = (EXAMPLES / "target.toml").read_text("utf-8")
    (tmp_path / "target.toml").write_text(text, "utf-8")
    (tmp_path / "waivers.toml").write_text((EXAMPLES / "waivers.toml").read_text("utf-8"), "utf-8")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "openai").write_text("sk-staging-openai", "utf-8")
    return tmp_path / "target.toml"


def test_the_example_of_the_reference_is_a_good_target_file(example: Path) -> None:
    target, _, _ = load_target(example, KEYS)
    assert target.name == "staging"
    assert set(target.roles) == {"general:anthropic", "general:openai", "general:openai+other_tenant"}
    assert len(load_waivers(example.parent / "waivers.toml")) == 2


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_entry_of_a_file_stands_in_its_example(kind: str) -> None:
    written = set(keys_in(tomllib.loads((EXAMPLES / f"{kind}.toml").read_text("utf-8"))))
    assert not set(entries_of(SCHEMAS[kind]())) - written, "write them into docs/examples"


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_entry_has_its_row_and_its_meaning(kind: str) -> None:
    schema = SCHEMAS[kind]()
    page = reference_of(schema, (EXAMPLES / f"{kind}.toml").read_text("utf-8"))
    rows = [[cell.strip() for cell in line.split(" | ")] for line in page.splitlines() if line.startswith("| `")]
    listed = [row[0].strip("| `") for row in rows]
    # A secret header has no table of its own: it is written in the place of the value.
    assert sorted(listed) == sorted(name for name in entries_of(schema) if name != "env")
    assert all(row[3].strip("| ") for row in rows), "write a text below the entry in target/parts.py"


@pytest.mark.parametrize("path", TARGETS, ids=str)
def test_the_target_files_of_examples_and_third_parties_are_good_by_the_schema(path: Path) -> None:
    assert not problems("target", path.read_text("utf-8"))


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_example_is_good_by_the_schema(kind: str) -> None:
    assert not problems(kind, (EXAMPLES / f"{kind}.toml").read_text("utf-8"))


@pytest.mark.parametrize(
    "line",
    [
        'clams = ["documented"]',
        'claims = ["promised"]',
        'offers = ["videos"]',
        'overrides = { TASK-L09 = "MAY" }',
        "limits = { concurrency = 0 }",
        "limits = { concurrency = 2.5 }",
        'timeouts = { total = "long" }',
        "prices.claude-sonnet-4-5 = {}",
        'roles."general:cohere" = { key_env = "STAGING_ANTHROPIC_KEY" }',
        'roles."general:openai+broke" = { key_env = "STAGING_ANTHROPIC_KEY" }',
        'roles."general:gemini" = { models = ["gemini-2.5-flash"] }',
        'roles."general:gemini" = { key_env = "STAGING_ANTHROPIC_KEY", key_file = "key" }',
    ],
)
def test_what_the_reader_refuses_the_schema_refuses(tmp_path: Path, line: str) -> None:
    text = f"{line}\n{GOOD}"
    (tmp_path / "target.toml").write_text(text, "utf-8")
    with pytest.raises(TargetError):
        load_target(tmp_path / "target.toml", KEYS)
    assert problems("target", text)
    assert not problems("target", GOOD)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_command_prints_the_schema(kind: str) -> None:
    said = CliRunner().invoke(app, ["schema", kind])
    assert said.exit_code == 0
    assert json.loads(said.stdout) == SCHEMAS[kind]()
