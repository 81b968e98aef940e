"""What the documentation tells people to type is there."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
import typer

from docs.generator.commands import commands_page, plugin_options
from llmapi_conformance.cli import app
from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.target.schema import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = [
    *sorted((ROOT / "docs" / "pages").glob("*.md")),
    *sorted((ROOT / "examples").rglob("README.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "reports/README.md")),
]
CODE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$|((?:^(?: {4,}).*\n)+)", re.MULTILINE | re.DOTALL)
TOOL = re.compile(r"^(?:\$ )?(?:\w+=\S+ )*(?:\S*/)?llmapi-conformance (.*)$")


def blocks(path: Path) -> Iterator[tuple[str, str]]:
    """Each block of code: its language, and its text."""
    for found in CODE.finditer(path.read_text("utf-8")):
        yield found[1] or "", found[2] if found[3] is None else found[3]


def commands() -> Iterator[tuple[str, str]]:
    for path in WRITTEN:
        for language, text in blocks(path):
            if language in ("", "console", "sh", "bash"):
                for line in text.replace("\\\n", " ").splitlines():
                    if found := TOOL.match(line.strip()):
                        yield path.relative_to(ROOT).as_posix(), found[1]


COMMANDS = sorted(set(commands()))


def parse(line: str) -> None:
    """Have the command line parsed as it would be, and nothing done."""
    words = shlex.split(re.split(r"\s+#\s|\s[|>&]", line)[0])
    group: typer.core.TyperGroup | typer.core.TyperCommand = typer.main.get_command(app)  # type: ignore[assignment]
    context = None
    while isinstance(group, typer.core.TyperGroup):
        if context is not None and (not words or words[0].startswith("-")):
            break
        context = typer.Context(group, info_name="llmapi-conformance", parent=context)
        _, command, words = group.resolve_command(context, words)
        assert command is not None
        group = command  # type: ignore[assignment]
    try:
        group.make_context("llmapi-conformance", [word for word in words if word != "..."], parent=context)
    except typer.BadParameter as error:
        if "..." not in words and "does not exist" not in error.message:
            raise


def test_there_are_commands_to_look_at() -> None:
    assert len(COMMANDS) > 30
    with pytest.raises(Exception, match="No such option"):
        parse("run --tarket staging.toml")
    with pytest.raises(Exception, match="No such command"):
        parse("rum")
    with pytest.raises(Exception, match="Missing parameter"):
        parse("judge")


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_every_command_line_is_understood(page: str, line: str) -> None:
    assert page
    parse(line)


def tables() -> Iterator[tuple[str, str]]:
    for path in (ROOT / "docs" / "pages").glob("*.md"):
        for language, text in blocks(path):
            if language == "toml" and not text.startswith("<!--"):
                yield path.name, text


@pytest.mark.parametrize(("page", "text"), sorted(tables()))
def test_every_piece_of_toml_is_good(page: str, text: str) -> None:
    written = tomllib.loads(text)
    kind = "waivers" if "waiver" in written else "target"
    whole = {"name": page, "base_url": "https://gateway.example", "roles": {"general:openai": {"key_env": "KEY"}}}
    plain = {**(whole if kind == "target" else {}), **written}
    for one in plain.get("waiver", ()):
        one["expires"] = one["expires"].isoformat()
    jsonschema.Draft202012Validator(SCHEMAS[kind]()).validate(plain)


def test_every_variable_of_the_environment_is_documented() -> None:
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    page = (ROOT / "docs" / "pages" / "environment.md").read_text("utf-8") + commands_page()
    assert not set(re.findall(r"LLMAPI_(?:CONFORMANCE|GATE)_[A-Z_]*[A-Z]", code)) - set(
        re.findall(r"LLMAPI_[A-Z_]+", page)
    )


def test_every_verdict_and_every_option_of_the_plugin_is_explained() -> None:
    words = (ROOT / "docs" / "pages" / "words.md").read_text("utf-8")
    assert all(f"| `{verdict}` |" in words for verdict in Verdict)
    assert all(option in plugin_options() for option in ("--target FILE", "--replay RECORDING", "--plan"))
