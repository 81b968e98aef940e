"""Text of strangers as markup in which nothing is hidden and nothing acts."""

from __future__ import annotations

from itertools import groupby

from markupsafe import Markup, escape


def shown(text: str) -> Markup:
    """Text for a page: characters that can't be seen or that turn others around are written as escapes, and look so.

    Line feeds stay. Everything else that is not printable (controls, bidirectional marks, spaces that look like
    others) is written as Python writes it, in an element of its own, so that it can be told from the same characters
    written out.
    """
    if text.isprintable():
        return escape(text)
    parts = []
    for plain, characters in groupby(text, _is_plain):
        part = "".join(characters)
        parts.append(str(escape(part)) if plain else f"<i>{escape(part.encode('unicode_escape').decode())}</i>")
    return Markup("".join(parts))  # noqa: S704 - every part was escaped


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


def _is_plain(character: str) -> bool:
    return character == "\n" or character.isprintable()
