"""Markdown as GitHub and GitLab show it, in which nothing that a gateway said can act."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llmapi_conformance.reporting.excerpt import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_{}\[\]|~$])")
_FENCES = re.compile(r"`+")
_MENTION = re.compile(r"([@#])(?=\w)")


def prose(text: str) -> str:
    """Text of ours in a sentence: shown as it is, with no markup, no link, no mention in it."""
    shown = printable(text).replace("\n", " ")
    shown = _SPECIAL.sub(r"\\\1", shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    # An empty comment parts the sign from the name, as no escape does: mentions are found in what was rendered.
    return _MENTION.sub(r"\1<!-- -->", shown).replace("://", ":<!-- -->//").replace("www.", "www<!-- -->.")


def code(text: str, longest: int = 400) -> str:
    """Text of a gateway's in a sentence: a code span in one line, in which nothing is looked for."""
    shown = cut(printable(text).replace("\n", "\\n"), longest).strip() or "(nothing)"
    fence = "`" * (max((len(run) for run in _FENCES.findall(shown)), default=0) + 1)
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{space}{shown}{space}{fence}"


def cell(text: str) -> str:
    """What ``prose`` or ``code`` made, for a cell of a table: there a bar parts cells even in a code span."""
    return re.sub(r"(?<!\\)\|", r"\\|", text)


def block(text: str, language: str = "text", longest: int = 4_000) -> str:
    """A code block that its text can't end."""
    shown = cut(printable(text), longest)
    fence = "`" * max(3, max((len(run) for run in _FENCES.findall(shown)), default=0) + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def folded(title: str, body: str) -> str:
    """A part that opens when its title is chosen; the title is taken as it is."""
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], right: int = 0) -> str:
    """A table of cells that were escaped already.

    Args:
        heads: One for each column.
        rows: As many cells each.
        right: The first column, from 0, whose cells stand at the right; 0 for none.
    """
    rules = ["--:" if right and number >= right else "---" for number in range(len(heads))]
    lines = [heads, rules, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cut(text: str, longest: int) -> str:
    """Text that is not longer; what is left out is counted."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]}… ({len(text) - longest} more characters)"
