"""The command reference: what the tool says of itself, and the options of the pytest plugin."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import typer
from typer.cli import get_docs_for_click

from docs.generator.text import code, first_paragraph, plain, table
from llmapi_conformance import pytest_plugin
from llmapi_conformance.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOL = "llmapi-conformance"


def commands_page() -> str:
    """Every command with its arguments and options, by Typer's own generator of documentation."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name=TOOL), name=TOOL, title="Commands")
    known = dict(_commands(command, TOOL))
    path = TOOL
    lines = []
    for line in text.splitlines():
        if line.startswith("##"):
            path = line.strip("# `")
        found = re.match(r"\* `([\w-]+)`", line)
        one = known.get(f"{path} {found[1]}") if found else None
        lines.append(line if found is None or one is None else _listed(found[1], path, one))
    return "\n".join(lines) + "\n"


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, one in getattr(command, "commands", {}).items():
        yield f"{path} {name}", one
        yield from _commands(one, f"{path} {name}")


def _listed(name: str, path: str, command: Any) -> str:
    """A command in the list of a group: Typer cuts its sentence, and does not lead to it."""
    return f"* [{code(name)}](#{path.replace(' ', '-')}-{name}): {plain(first_paragraph(command.help))}"


def plugin_options() -> str:
    """A table of the options under plain pytest."""
    parser: Any = _Parser()
    pytest_plugin.pytest_addoption(parser)
    rows = [
        [code(f"{name} {known['metavar']}" if "metavar" in known else name), plain(known["help"])]
        for name, known in parser.options
    ]
    return table(["option", "what it does"], rows)


class _Parser:
    """Takes down which options a plugin adds."""

    def __init__(self) -> None:
        self.options: list[tuple[str, dict[str, Any]]] = []

    def getgroup(self, *_: str) -> _Parser:
        return self

    def addoption(self, name: str, **known: Any) -> None:
        self.options.append((name, known))
