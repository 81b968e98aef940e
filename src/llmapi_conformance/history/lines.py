"""Lines of at most 80 columns."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from llmapi_conformance.reporting.excerpt import printable
from llmapi_conformance.reporting.markdown import cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH: Final = 80


def wrapped(text: str, indent: str = "", longest: int = 1_000, hanging: str | None = None) -> list[str]:
    """A text that may come from a gateway, as lines.

    Args:
        text: Control characters become escapes.
        indent: Before the first line.
        longest: Characters that are kept.
        hanging: Before the others; as before the first when omitted.
    """
    line = cut(printable(text).replace("\n", " "), longest)
    after = indent if hanging is None else hanging
    return textwrap.wrap(line, WIDTH, initial_indent=indent, subsequent_indent=after, break_on_hyphens=False) or [""]


def table(rows: Sequence[Sequence[str]], *, left: Iterable[int] = (0,)) -> list[str]:
    """Rows in columns, two blanks between them, numbers at the right; the first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    aligned = set(left)
    return [
        "  ".join(
            cell.ljust(width) if column in aligned else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
