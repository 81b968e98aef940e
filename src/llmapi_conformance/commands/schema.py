"""The command ``schema``: the JSON Schema of a file that people write, for their editor."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from llmapi_conformance.commands.shared import plainly


class Kind(StrEnum):
    """The files that people write."""

    TARGET = "target"
    WAIVERS = "waivers"


@plainly
def schema(kind: Annotated[Kind, typer.Argument(help="The kind of file.")]) -> None:
    """Print the JSON Schema of a target or waivers file, with which an editor completes and checks it."""
    from llmapi_conformance.target.schema import SCHEMAS

    typer.echo(json.dumps(SCHEMAS[kind](), indent=2))
