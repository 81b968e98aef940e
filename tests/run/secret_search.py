"""Searches what a run left for secrets: in every byte, and in what readers of those files make of the bytes."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.run.leaking_gateway import FORMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHOWN = 12
"""Characters of a secret that are a leak wherever they stand."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_ESCAPE = re.compile(r'\\+(?:u([0-9a-fA-F]{4})|(["\\/]))')


def leaks(left: Mapping[str, bytes], secrets: Mapping[str, str]) -> list[str]:
    """Where each secret was found: file, its name, form, reading, and what stands around it.

    A line that stands in many files is searched once, since capsules and copies hold the same records.

    Args:
        left: Name of each file -> its bytes.
        secrets: Name of each secret -> its characters.
    """
    lines: dict[bytes, str] = {}
    for name, data in left.items():
        for line in data.split(b"\n"):
            lines.setdefault(line, name)
    of_files: dict[str, list[bytes]] = {}
    for line, name in lines.items():
        of_files.setdefault(name, []).append(line)
    needles = [(name, form, needle) for name, secret in secrets.items() for form, needle in _needles(secret)]
    found = []
    for file, parts in of_files.items():
        for reading, text in _readings(b"\n".join(parts)):
            for name, form, needle in needles:
                place = text.find(needle)
                if place >= 0:
                    around = text[max(place - 60, 0) : place + 60]
                    found.append(f"{file}: {name} as {form}, {reading}: {around!r}")
    return found


def _needles(secret: str) -> Iterator[tuple[str, bytes]]:
    yield "its beginning", secret[:SHOWN].encode()
    yield "its end", secret[-SHOWN:].encode()
    for form, write in FORMS.items():
        written = write(secret).encode()
        # What stands before and after a secret is in the first and last characters of Base64.
        yield form, written[8:-8] if "Base64" in form else written
        if "Base64" not in form:
            yield f"the beginning of {form}", write(secret[:SHOWN]).encode()


def _readings(data: bytes) -> Iterator[tuple[str, bytes]]:
    yield "in the bytes", data
    text = data.decode("utf-8", "replace")
    plain = {
        "without escapes of JSON": _ESCAPE.sub(_unescaped, _ESCAPE.sub(_unescaped, text)),
        "without escapes of HTML": html.unescape(html.unescape(text)),
        "without escapes of URLs": unquote(unquote(text)),
    }
    for name, read in plain.items():
        yield name, read.encode("utf-8", "surrogatepass")
    inside = []
    for match in _BASE64.finditer(data):
        run = match[0].rstrip(b"=")
        for start in range(4):
            part = run[start : len(run) - (len(run) - start) % 4]
            try:
                inside.append(base64.b64decode(part.replace(b"-", b"+").replace(b"_", b"/")))
            except binascii.Error:
                continue
    yield "within Base64", b"\n".join(inside)
    for name, told in _told(text).items():
        yield f"put together from {name!r}", told.encode("utf-8", "surrogatepass")


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else match[2]


def _told(text: str) -> dict[str, str]:
    """What the values of each member of JSON in chunks and frames say one after another."""
    told: dict[str, list[str]] = {}
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        response = record.get("response") or {} if isinstance(record, dict) else {}
        pieces = [*response.get("chunks", ()), *record.get("frames", ())] if response else []
        body = "".join(piece.get("text", "") for piece in pieces)
        for match in re.finditer(r'"(text|delta|content|x)":\s*("(?:[^"\\]|\\.)*")', body):
            told.setdefault(match[1], []).append(_value(match[2]))
        told.setdefault("$", []).append("\n")
    return {name: "".join(values) for name, values in told.items()}


def _value(literal: str) -> str:
    try:
        value: Any = json.loads(literal)
    except ValueError:
        return literal
    return str(value)
