"""Text of strangers as markup in which nothing is hidden and nothing acts."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Final

from markupsafe import Markup, escape

_NOT_PLAIN: Final = re.compile(r"[^\n\x20-\x7e]+")
"""What has to be looked at, after ``escape``: all that is neither ASCII that can be seen nor a line feed."""


def shown(text: str) -> Markup:
    """Text for a page: characters that can't be seen or that turn others around are written as escapes, and look so.

    Line feeds stay. Everything else that is not printable (controls, bidirectional marks, spaces that look like
    others) is written as Python writes it, in an element of its own, so that it can be told from the same characters
    written out.
    """
    if text.isprintable():
        return escape(text)
    return Markup(_NOT_PLAIN.sub(_with_escapes, str(escape(text))))  # noqa: S704 - it was escaped


def marked(text: str) -> Markup:
    """Telling bytes as a mark; line feeds at its end can be seen, and break the line behind it."""
    body = text.rstrip("\n")
    ends = len(text) - len(body)
    if not text:
        return Markup('<mark class="point" title="here"></mark>')
    inner = shown(body) + Markup("<i>{}</i>").format("\\n" * ends) if ends else shown(body)
    return Markup("<mark>{}</mark>{}").format(inner, "\n" * ends)


def exact(text: str) -> Markup:
    """Text for the value of an attribute from which a script reads it back to the character."""
    return Markup(str(escape(text)).replace("\r", "&#13;").replace("\n", "&#10;"))  # noqa: S704 - it was escaped


def weight(text: str) -> int:
    """Characters that the text takes in the page."""
    return len(text) if text.isascii() and text.isprintable() else len(shown(text))


def _with_escapes(strange: re.Match[str]) -> str:
    parts = []
    for printable, characters in groupby(strange[0], str.isprintable):
        part = "".join(characters)
        parts.append(part if printable else f"<i>{part.encode('unicode_escape').decode()}</i>")
    return "".join(parts)
