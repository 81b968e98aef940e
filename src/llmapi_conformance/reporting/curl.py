"""An exchange as a line that can be pasted into a shell once the key is exported: curl, or Python for a WebSocket."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llmapi_conformance.evidence.unpacking import unframed

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

LONGEST_BODY = 4_000
"""Bytes of a request body that still make a readable line."""
_MARKER = re.compile(r"\[\[key:([A-Za-z0-9_:+.\-]+)\]\]")
_OURS = frozenset({"host", "content-length", "accept-encoding", "user-agent", "connection"})
_HANDSHAKE = frozenset({"upgrade", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"})
# Messages are sent without waiting for an answer; what comes back is printed until the gateway closes.
_TALK = (
    "import sys; from websockets.sync.client import connect; url, *rest = sys.argv[1:]; border = rest.index('--'); "
    "talk = connect(url, compression=None, additional_headers=[part.split(': ', 1) for part in rest[:border]]); "
    "[talk.send(part) for part in rest[border + 1:]]; [print(part, flush=True) for part in talk]"
)


def curl_line(exchange: Exchange, base_url: str) -> str:
    """The request as one command; keys are shell variables such as ``$KEY_GENERAL_OPENAI``.

    It is a curl command. For a WebSocket that was opened it is a Python command with the ``websockets`` library, which
    this tool depends on, because curl can't send messages from a command line: it sends the same text messages at once.

    Args:
        exchange: Redacted, as always.
        base_url: Of the target; a path in it is part of the recorded request target already.
    """
    if exchange.upgraded:
        return _websocket_line(exchange, base_url)
    request = exchange.request
    ours = _OURS if exchange.mode != "websocket" else _OURS - {"connection"}
    parts = ["curl", "-sS", "-i"]
    if exchange.mode == "websocket":
        parts.append("--http1.1")
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
        if name.lower() not in ours:
            parts += ["-H", _quoted(f"{name}: {value}" if value else f"{name};")]
    if request.body:
        parts += ["--data-binary", _body(exchange)]
    return " ".join(parts)


def _websocket_line(exchange: Exchange, base_url: str) -> str:
    origin = urlsplit(base_url)
    scheme = "wss" if origin.scheme == "https" else "ws"
    parts = ["python3", "-c", shlex.quote(_TALK), _quoted(f"{scheme}://{origin.netloc}{exchange.request.target}")]
    for name, value in exchange.request.headers:
        if name.lower() not in _OURS | _HANDSHAKE:
            parts.append(_quoted(f"{name}: {value}"))
    parts.append("--")
    left_out = 0
    for message in exchange.conversation:
        if not message.sent:
            continue
        text = _text(message.data) if message.kind == "text" and message.whole else ""
        if text:
            parts.append(_quoted(text))
        else:
            left_out += 1
    if left_out:
        parts.append(f" # without {left_out} messages that fit into no line, in the recording as {exchange.id}")
    return " ".join(parts)


def _text(data: bytes) -> str:
    """Text that fits into a line; empty when it does not."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return "" if len(data) > LONGEST_BODY or "\0" in text else text


def body_file(exchange: Exchange) -> str:
    """Name of the file that the line takes the request body from; empty when it takes none."""
    body = exchange.request.body
    text = _text(body)
    if not body or exchange.upgraded or (text and not text.startswith("@")):
        return ""
    return f"body-of-{re.sub(r'[^A-Za-z0-9]+', '-', exchange.id)}.bin"


def variables(exchange: Exchange) -> dict[str, str]:
    """The shell variables of the line, and which key each stands for."""
    sent = [exchange.request.body, *(message.data for message in exchange.conversation if message.sent)]
    texts = [exchange.request.target, *(value for _, value in exchange.request.headers)]
    texts += [data.decode("utf-8", "replace") for data in sent]
    return {_variable(marker): marker for text in texts for marker in _MARKER.findall(text)}


def _body(exchange: Exchange) -> str:
    if name := body_file(exchange):
        return f"@{name}  # {len(exchange.request.body)} bytes, in the recording as {exchange.id}"
    # curl makes chunks of its own where the header asks for them.
    return _quoted(_text(unframed(exchange.request.headers, exchange.request.body)))


def _quoted(text: str) -> str:
    quoted = shlex.quote(text)
    if not quoted.startswith("'"):
        return quoted
    return _MARKER.sub(lambda marker: f"'\"${_variable(marker[1])}\"'", quoted)


def _variable(marker: str) -> str:
    return "KEY_" + re.sub(r"[^A-Za-z0-9]+", "_", marker).upper()
