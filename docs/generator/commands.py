"""The command reference: what the tool says of itself, and the options of the pytest plugin."""

from __future__ import annotations

from typing import Any

import typer
from typer.cli import get_docs_for_click

from docs.generator.text import code, plain, table
from llmapi_conformance import pytest_plugin
from llmapi_conformance.cli import app

TOOL = "llmapi-conformance"


def commands_page() -> str:
    """Every command with its arguments and options, by Typer's own generator of documentation."""
    command = typer.main.get_command(app)
    return get_docs_for_click(obj=command, ctx=typer.Context(command, info_name=TOOL), name=TOOL, title="Commands")


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
