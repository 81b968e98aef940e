"""Image requests and answers as a client sees them: what was asked, in JSON or as a form, and what came back."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from llmapi_conformance.judging.chat_answer import array, is_whole_number, sent, string, words_in
from llmapi_conformance.judging.message_answer import object_of
from llmapi_conformance.judging.upstream_log import log_entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.sse import ServerSentEvent

FORMATS: Final = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
_BOUNDARY = re.compile(r"boundary=\"?([^\";]+)")
_PARAMETER = re.compile(rb'([a-z]+)="([^"]*)"')
_MOST_PIXELS: Final = 40_000_000
"""Pixels that are decoded; of larger images only the head is read."""


@dataclass(frozen=True, slots=True)
class FormPart:
    """A part of a form: its field, its file name (``None`` for a text), its bytes."""

    name: str
    filename: str | None
    content: bytes

    @property
    def sha256(self) -> str:
        """The digest of its bytes, in hex."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that decodes: its format by Pillow's name, its width and height in pixels."""

    format: str
    width: int
    height: int


def form_of(exchange: Exchange) -> tuple[FormPart, ...]:
    """The parts of a multipart request, as sent; none when it is no form."""
    types = [value for name, value in exchange.request.headers if name.lower() == "content-type"]
    found = _BOUNDARY.search(types[0]) if types else None
    if found is None:
        return ()
    pieces = exchange.request.body.split(b"--" + found[1].encode())[1:-1]
    return tuple(part for piece in pieces if (part := _part(piece)) is not None)


def asked(exchange: Exchange) -> dict[str, Any]:
    """The members of the request; those of a form as JSON would have them."""
    fields: dict[str, Any] = dict(sent(exchange))
    for part in form_of(exchange):
        if part.filename is None:
            text = part.content.decode("utf-8", "replace")
            fields[part.name] = int(text) if text.isdecimal() and part.name == "n" else text
    return fields


def scripted(exchange: Exchange) -> dict[str, str]:
    """The words of the upstream's directive in the prompt; empty when there is none."""
    return words_in(string(asked(exchange).get("prompt")))


def asked_number(exchange: Exchange) -> int:
    """How many images the request asks for."""
    number = asked(exchange).get("n")
    return number if is_whole_number(number) and number else 1


def asked_format(exchange: Exchange) -> str:
    """The format that the request asks for, by Pillow's name; PNG is the default."""
    return FORMATS.get(string(asked(exchange).get("output_format")) or "png", "")


def asked_size(exchange: Exchange) -> tuple[int, int] | None:
    """Width and height that the request asks for; ``None`` where it leaves them to the model."""
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", string(asked(exchange).get("size")))
    return (int(found[1]), int(found[2])) if found else None


def entries_of(exchange: Exchange) -> list[dict[str, Any]]:
    """The images of a plain answer that are objects."""
    return [entry for entry in array(exchange.json, "data") if isinstance(entry, dict)]


def events_of(exchange: Exchange, suffix: str) -> Iterator[tuple[ServerSentEvent, dict[str, Any]]]:
    """Events of a stream whose type ends so, such as ``completed``, with their data."""
    for event in exchange.events.events:
        payload = event.payload()
        told = payload.get("type")
        if (told if isinstance(told, str) else event.name).endswith(f".{suffix}"):
            yield event, payload


def has_picture(exchange: Exchange) -> bool:
    """Whether a plain answer brings an image, as data or by its address."""
    return exchange.succeeded and any(
        string(entry.get("b64_json")) or string(entry.get("url")) for entry in entries_of(exchange)
    )


def decoded(text: Any) -> Picture | None:
    """The image that a base64 text holds; ``None`` when it holds none."""
    if not isinstance(text, str):
        return None
    try:
        data = base64.b64decode(text, validate=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                if image.width * image.height <= _MOST_PIXELS:
                    image.load()
                return Picture(image.format or "", image.width, image.height)
    except (binascii.Error, OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return None


def received(log: Exchange) -> dict[str, Any] | None:
    """The members of the latest request that the upstream got; ``None`` when it got none."""
    body = _latest(log)
    if body is None:
        return None
    fields = body.get("fields")
    if not isinstance(fields, list):
        return body
    return {pair[0]: pair[1] for pair in fields if isinstance(pair, list) and len(pair) == 2}


def received_files(log: Exchange) -> list[dict[str, Any]]:
    """The files of the latest request that the upstream got: name of the field, size, digest."""
    return [each for each in array(object_of(_latest(log)), "files") if isinstance(each, dict)]


def _latest(log: Exchange) -> dict[str, Any] | None:
    bodies = [entry.get("body") for entry in log_entries(log)]
    return next((body for body in reversed(bodies) if isinstance(body, dict)), None)


def _part(piece: bytes) -> FormPart | None:
    head, blank, content = piece.partition(b"\r\n\r\n")
    parameters = dict(_PARAMETER.findall(head))
    if not blank or b"name" not in parameters:
        return None
    filename = parameters.get(b"filename")
    return FormPart(
        parameters[b"name"].decode("utf-8", "replace"),
        None if filename is None else filename.decode("utf-8", "replace"),
        content.removesuffix(b"\r\n"),
    )
