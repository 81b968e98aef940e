"""Markdown, written so that nothing in a text is taken for markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"[\\`*{}\[\]<>#|!&~^=$]|\b_|_\b")
_LITERAL = re.compile(r"``(.+?)``|`(.+?)`")


def plain(text: str) -> str:
    """A text as it is, on one line, each special character escaped; what stands in backquotes is code."""
    text = " ".join(text.split())
    made = []
    end = 0
    for found in _LITERAL.finditer(text):
        made += [_escaped(text[end : found.start()]), code(found[1] or found[2])]
        end = found.end()
    return "".join(made) + _escaped(text[end:])


def code(text: str) -> str:
    """A text as code, also in a cell of a table."""
    fence = "``" if "`" in text else "`"
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text.replace('|', chr(92) + '|')}{pad}{fence}"


def link(text: str, address: str) -> str:
    """A link with a plain text."""
    return f"[{plain(text)}]({address})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def bullets(lines: Iterable[str]) -> str:
    """A list of lines that are Markdown already."""
    return "".join(f"- {line}\n" for line in lines)


def first_paragraph(docstring: str | None) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((docstring or "").strip().partition("\n\n")[0].split())


def counted(number: int, word: str) -> str:
    """A number with its word: 1 clause, 2 clauses."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", text)
