"""An exchange as a curl line that can be pasted into a shell once the key is exported."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

LONGEST_BODY = 4_000
"""Bytes of a request body that still make a readable line."""
_MARKER = re.compile(r"\[\[key:([A-Za-z0-9_:+.\-]+)\]\]")
_OURS = frozenset({"host", "content-length", "accept-encoding", "user-agent", "connection"})


def curl_line(exchange: Exchange, base_url: str) -> str:
    """The request as one curl command; keys are shell variables such as ``$KEY_GENERAL_OPENAI``.

    Args:
        exchange: Redacted, as always.
        base_url: Of the target; a path in it is part of the recorded request target already.
    """
    request = exchange.request
    parts = ["curl", "-sS", "-i"]
    if exchange.mode == "stream":
        parts.append("-N")
    if request.method == "HEAD":
        parts.append("--head")
    elif request.method != ("POST" if request.body else "GET"):
        parts += ["-X", _quoted(request.method)]
    if "//" in request.target or ".." in request.target:
        parts.append("--path-as-is")
    origin = urlsplit(base_url)
    parts.append(_quoted(f"{origin.scheme}://{origin.netloc}{request.target}"))
    for name, value in request.headers:
        if name.lower() not in _OURS:
            parts += ["-H", _quoted(f"{name}: {value}" if value else f"{name};")]
    if request.body:
        parts += ["--data-binary", _body(exchange)]
    return " ".join(parts)


def _body(exchange: Exchange) -> str:
    body = exchange.request.body
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if not text or len(body) > LONGEST_BODY or "\0" in text or text.startswith("@"):
        name = re.sub(r"[^A-Za-z0-9]+", "-", exchange.id)
        return f"@body-of-{name}.bin  # {len(body)} bytes, in the recording as {exchange.id}"
    return _quoted(text)


def _quoted(text: str) -> str:
    quoted = shlex.quote(text)
    if not quoted.startswith("'"):
        return quoted
    return _MARKER.sub(lambda marker: "'\"$KEY_" + re.sub(r"[^A-Za-z0-9]+", "_", marker[1]).upper() + "\"'", quoted)
