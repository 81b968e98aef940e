"""The limits of each profile, side by side."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from docs.generator.text import code, plain, table
from llmapi_conformance.target.profile import PROFILES, Profile


def profiles_table() -> str:
    """A row for each limit, a column for each profile; the words are those of the class."""
    meanings = _attributes(Profile.__doc__ or "")
    rows = [
        [plain(meanings[field.name]), *(_shown(getattr(profile, field.name)) for profile in PROFILES.values())]
        for field in fields(Profile)
        if field.name != "name"
    ]
    return table(["", *(code(name) for name in PROFILES)], rows)


def _attributes(docstring: str) -> dict[str, str]:
    """Attribute -> what its docstring says of it."""
    made: dict[str, str] = {}
    name = ""
    for line in docstring.partition("Attributes:")[2].splitlines():
        depth = len(line) - len(line.lstrip())
        if depth == 8 and ": " in line:
            name, _, text = line.strip().partition(": ")
            made[name] = text
        elif name and line.strip():
            made[name] += f" {line.strip()}"
    return made


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(value) if isinstance(value, str) else f"{value:,}".removesuffix(".0")
