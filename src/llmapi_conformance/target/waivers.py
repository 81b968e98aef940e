"""Waivers: findings that somebody has decided to live with at a target, for a while and for a reason."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date  # noqa: TC003 - pydantic reads annotations at run time
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from llmapi_conformance.errors import TargetError

if TYPE_CHECKING:
    from pathlib import Path

Words = Annotated[str, Field(min_length=1, pattern=r"\S")]


@dataclass(frozen=True, slots=True)
class Waiver:
    """One entry of a waivers file.

    Attributes:
        clause: Id of the clause.
        reason: Why it may stay broken.
        owner: Who answers for that.
        ticket: Where it is followed up.
        expires: The last day on which it counts.
        profile: Only in runs of this profile; empty for all.
        model: Only for requests that name this model; empty for all.
        version: Only for this version of the gateway, as the target file states it; empty for all.
    """

    clause: str
    reason: str
    owner: str
    ticket: str
    expires: date
    profile: str = ""
    model: str = ""
    version: str = ""


class WaiverPart(BaseModel):
    """A waiver: what is covered, why, who answers for it, and until when."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    clause: Words
    """Id of the clause."""
    reason: Words
    """Why it may stay broken."""
    owner: Words
    """Who answers for that."""
    ticket: Words
    """Where it is followed up."""
    expires: date
    """The last day on which it counts, without quotes."""
    profile: str = ""
    """Only in runs of this profile; all when omitted."""
    model: str = ""
    """Only for requests that name this model; all when omitted."""
    version: str = ""
    """Only for this version of the gateway, as the target file states it; all when omitted."""


class WaiversPart(BaseModel):
    """A waivers file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    waiver: list[WaiverPart] = []
    """The waivers, a table [[waiver]] for each."""


def load_waivers(path: Path) -> tuple[Waiver, ...]:
    """Read a waivers file (TOML): a table ``[[waiver]]`` for each.

    Raises:
        TargetError: With the file, the entry, what was wrong and how to mend it.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise TargetError(f"Can't read the waivers file {path}: {reason}.") from None
    except tomllib.TOMLDecodeError as error:
        raise TargetError(f"{path}: not TOML: {error}. Mend that line and try again.") from None
    try:
        entries = WaiversPart.model_validate(data).waiver
    except ValidationError as error:
        raise _told(path, data, error) from None
    return tuple(Waiver(**entry.model_dump()) for entry in entries)


def _told(path: Path, data: dict[str, object], error: ValidationError) -> TargetError:
    first = error.errors(include_url=False, include_input=False)[0]
    where = first["loc"]
    if len(where) < 3 or not isinstance(where[1], int):
        return TargetError(
            f"{path}: {where[0] if where else 'it'} is not understood; write a table [[waiver]] for each."
        )
    listed = data.get("waiver")
    entry = listed[where[1]] if isinstance(listed, list) else None
    clause = entry.get("clause", "no clause") if isinstance(entry, dict) else "no clause"
    known = ", ".join(WaiverPart.model_fields)
    problem = {
        "missing": f"the entry {where[2]!r} is missing; add it",
        "extra_forbidden": f"unknown entry {where[2]!r}; known here: {known}",
    }.get(first["type"], f"{where[2]}: {first['msg'][:1].lower()}{first['msg'][1:]}")
    if where[2] == "expires" and first["type"] != "missing":
        problem = "expires: write a date without quotes, such as 2026-12-31"
    return TargetError(f"{path}, waiver {where[1] + 1} ({clause}): {problem}.")
