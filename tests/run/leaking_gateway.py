"""A gateway that tells every secret it knows, in every form and at every place where an answer has room for text."""

from __future__ import annotations

import asyncio
import base64
import gzip
import html
import itertools
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.wire.servers import reset
from tests.wire.sockets import MORE, PING, TEXT, closing, frame, switched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.sending.gateways import Asked

TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""Characters that a header name may have (RFC 9110 section 5.6.2)."""


def _behind(count: int, encode: Callable[[bytes], bytes]) -> Callable[[str], str]:
    return lambda secret: encode(("user:"[:count] + secret + "!").encode()).decode()


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "URL-encoded": lambda secret: quote(secret, safe=""),
    "URL-encoded, every character": lambda secret: "".join(f"%{byte:02x}" for byte in secret.encode()),
    "URL-encoded twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "JSON": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "JSON, every character": lambda secret: "".join(f"\\u{ord(character):04x}" for character in secret),
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret))[3:-3],
    "HTML": html.escape,
    "HTML, every character": lambda secret: "".join(f"&#x{ord(character):x};" for character in secret),
    "hexadecimal": lambda secret: secret.encode().hex(),
    **{f"Base64 behind {count}": _behind(count, base64.b64encode) for count in range(3)},
    **{f"Base64url behind {count}": _behind(count, base64.urlsafe_b64encode) for count in range(3)},
}

_HEAD = "HTTP/1.1 {status} {reason}"
_SPLIT = 5
"""Bytes of the pieces into which some bodies are split."""


class LeakingGateway:
    """Answers any request; each answer tells other secrets in other forms."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._said = itertools.cycle([(write, secret) for write in FORMS.values() for secret in secrets])
        self._secrets = itertools.cycle(secrets)
        self._ways = itertools.cycle((self._served, self._refused, self._streamed, self._odd))
        self._odd_ways = itertools.cycle(
            (self._cut, self._reset, self._page, self._zipped, self._hidden, self._broken, self._binary)
        )
        self.answers = 0

    def say(self) -> str:
        """The next secret in the next form."""
        write, secret = next(self._said)
        return write(secret)

    def plainly(self) -> str:
        """The next secret as it is."""
        return next(self._secrets)

    async def handle(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        self.answers += 1
        if asked.headers.get("upgrade", "").lower() == "websocket":
            await self._talk(asked, writer)
        elif asked.path.endswith("/cancel") or "/images/tasks" in asked.path:
            await self._task(asked, writer)
        elif self.answers <= 1:
            await self._served(asked, writer)
        else:
            await next(self._ways)(asked, writer)

    def _fields(self) -> list[str]:
        secret = self.plainly()
        name = secret if set(secret) <= TOKEN else secret.encode().hex()
        return [
            f"X-{name}: name",
            f"X-Debug: {self.say()} and {self.say()}",
            f"X-Request-Id: {self.say()}",
            f"Set-Cookie: session={self.say()}; Path=/",
            f"Location: /v1?key={self.say()}",
            f"Server: {self.plainly()}",
            "Connection: close",
        ]

    def _head(self, status: int, kind: str, *fields: str) -> bytes:
        reason = self.plainly() if self.answers % 2 else self.say()
        lines = [_HEAD.format(status=status, reason=reason), f"Content-Type: {kind}", *self._fields(), *fields]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    async def _whole(self, writer: asyncio.StreamWriter, status: int, kind: str, body: bytes, *fields: str) -> None:
        writer.write(self._head(status, kind, f"Content-Length: {len(body)}", *fields))
        await _in_pieces(writer, body, _SPLIT if len(body) < 400 else 700)

    async def _json(self, writer: asyncio.StreamWriter, status: int, text: str) -> None:
        await self._whole(writer, status, "application/json", text.encode())

    async def _served(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        say = self._literal
        text = (
            f'{{"id":{say()},"object":{say()},"type":"message","role":"assistant","model":{say()},"created":1,'
            f'"content":[{{"type":"text","text":{say()}}}],"status":{say()},"stop_reason":{say()},'
            f'"choices":[{{"index":0,"message":{{"role":"assistant","content":{say()}}},"finish_reason":{say()}}}],'
            f'"candidates":[{{"content":{{"parts":[{{"text":{say()}}}]}},"finishReason":{say()}}}],'
            f'"output":[{{"type":"message","id":{say()},"content":[{{"type":"output_text","text":{say()}}}]}}],'
            f'"data":[{{"id":{say()},"object":"model","owned_by":{say()},"url":{say()},"b64_json":{say()}}}],'
            f'"usage":{{"input_tokens":{say()},"output_tokens":1}},{say()}:{say()},"asked":{json.dumps(asked.path)}}}'
        )
        await self._json(writer, 200, text)

    async def _refused(self, _: Asked, writer: asyncio.StreamWriter) -> None:
        say = self._literal
        status = next_of((400, 401, 403, 404, 422, 500), self.answers)
        text = f'{{"type":"error","error":{{"type":{say()},"code":{say()},"message":{say()},"param":{say()}}},'
        await self._json(writer, status, text + f'"request_id":{say()},"trace":"Traceback: Bearer {self.plainly()}"}}')

    async def _streamed(self, _: Asked, writer: asyncio.StreamWriter) -> None:
        secret = self.plainly()
        writer.write(self._head(200, "text/event-stream", "Transfer-Encoding: chunked"))
        lines = [f": {self.say()}", f"event: {self.say()}", f"id: {self.say()}", f"retry: {self.say()}"]
        lines += [f'data: {{"id":{self._literal()},"type":{self._literal()},"delta":{{"text":{self._literal()}}}}}', ""]
        for piece in (secret[place : place + 3] for place in range(0, len(secret), 3)):
            told = json.dumps(piece)
            delta = f'"choices":[{{"index":0,"delta":{{"content":{told}}}}}],"delta":{{"text":{told}}},"x":{told}'
            lines += ["event: content_block_delta", f'data: {{"type":"content_block_delta",{delta}}}', ""]
        lines += [f"data: {self.say()}", "", "data: [DONE]", "", ""]
        body = "\n".join(lines).encode()
        for place in range(0, len(body), 61):
            piece_of = body[place : place + 61]
            writer.write(f"{len(piece_of):x};{'x' * 3}\r\n".encode() + piece_of + b"\r\n")
            await writer.drain()
        if self.answers % 3:
            writer.write(b"0\r\n\r\n")

    async def _odd(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        await next(self._odd_ways)(asked, writer)

    async def _cut(self, _: Asked, writer: asyncio.StreamWriter) -> None:
        written = self.say()
        shown = f'{{"error":{{"message":"no such key: {written[: len(written) * 2 // 3]}'.encode()
        writer.write(self._head(401, "application/json", "Content-Length: 4000"))
        await _in_pieces(writer, shown, 11)

    async def _reset(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        await self._cut(asked, writer)
        await asyncio.sleep(0.01)
        reset(writer)

    async def _page(self, _: Asked, writer: asyncio.StreamWriter) -> None:
        page = f"<html><title>{self.plainly()}</title><script>{self.say()}</script>{self.say()}<p>{self.say()}</html>"
        await self._whole(writer, 502, "text/html", page.encode())

    async def _zipped(self, _: Asked, writer: asyncio.StreamWriter) -> None:
        body = gzip.compress(f'{{"error":{{"message":{self._literal()}}}}}'.encode())
        await self._whole(writer, 400, "application/json", body, "Content-Encoding: gzip")

    async def _hidden(self, _: Asked, writer: asyncio.StreamWriter) -> None:
        coding = next_of(("br", "zstd", "gzip, gzip"), self.answers)
        body = gzip.compress(gzip.compress(self.plainly().encode()))
        await self._whole(writer, 200, "application/json", body, f"Content-Encoding: {coding}")

    async def _broken(self, _: Asked, writer: asyncio.StreamWriter) -> None:
        said = self.plainly()
        lines = next_of(
            (f"{said}\r\n\r\n", f"HTTP/1.1 200 OK\r\n{said}\r\n\r\n", f"HTTP/1.1 {said}\r\n\r\n"), self.answers
        )
        writer.write(lines.encode())

    async def _binary(self, _: Asked, writer: asyncio.StreamWriter) -> None:
        body = b"\xff\xfe\x00" + self.say().encode() + b"\xc3" + self.plainly().encode() + b"\x00\x9f"
        await self._whole(writer, 200, "application/octet-stream", body)

    async def _task(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.path.partition("?")[0].endswith("/events"):
            await self._streamed(asked, writer)
            return
        say = self._literal
        status = say() if self.answers % 4 else '"succeeded"'
        task = f'{{"id":{say()},"object":{say()},"status":{status},"model":{say()},"error":{{"message":{say()}}}}}'
        await self._json(writer, 202 if asked.method == "POST" else 200, task)

    async def _talk(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if self.answers % 4 == 0:
            await self._refused(asked, writer)
            return
        request = f"Sec-WebSocket-Key: {asked.headers.get('sec-websocket-key', '')}".encode()
        writer.write(switched(request, f"X-Debug: {self.say()}"))
        secret = self.plainly()
        writer.write(frame(PING, self.plainly().encode()[:120]))
        text = f'{{"type":{self._literal()},"error":{{"message":{self._literal()}}}}}'.encode()
        writer.write(frame(TEXT - MORE, text[:17]) + frame(MORE, text[17:]))
        for place in range(0, len(secret), 4):
            event = {"type": "response.output_text.delta", "delta": secret[place : place + 4]}
            writer.write(frame(TEXT, json.dumps(event).encode()))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(closing(1008, f"no: {self.say()}".encode()[:123]))
        await writer.drain()
        await asyncio.sleep(0.05)

    def _literal(self) -> str:
        """The next secret in the next form, as a JSON string; escapes of JSON stand as they are."""
        write, secret = next(self._said)
        if write in (FORMS["JSON"], FORMS["JSON, every character"], FORMS["JSON in JSON"]):
            return f'"said {write(secret)} here"'
        return json.dumps(f"said {write(secret)} here")


def next_of(values: Sequence[Any], number: int) -> Any:
    return values[number // 4 % len(values)]


async def _in_pieces(writer: asyncio.StreamWriter, body: bytes, size: int) -> None:
    for place in range(0, len(body), size):
        writer.write(body[place : place + size])
        await writer.drain()
        if size < 20:
            await asyncio.sleep(0)
