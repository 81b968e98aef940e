"""What clients would have made of recorded streams: each is played to a client's accumulating helper, offline."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.clients.driving import new_home, run_script
from llmapi_conformance.clients.environments import script_command
from llmapi_conformance.judging import chat_answer, gemini_answer, message_answer, response_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from llmapi_conformance.clients.catalogue import Client
    from llmapi_conformance.evidence.exchange import Exchange

HELPERS: Final = {
    ("openai-python", "createChatCompletion"): "chat_helper",
    ("openai-python", "createResponse"): "responses_stream",
    ("anthropic-python", "createMessage"): "messages_stream",
    ("google-genai", "streamGeminiContent"): "generate_stream",
    ("openai-node", "createChatCompletion"): "chat_helper",
    ("openai-node", "createResponse"): "responses_stream",
    ("anthropic-node", "createMessage"): "messages_stream",
    ("genai-node", "streamGeminiContent"): "generate_stream",
}
"""Family and operation -> the case that accumulates such a stream."""
SECONDS: Final = 10.0
"""That a client may take over one stream: it is all there."""
_HEAD_LIMIT: Final = 64 * 1024
_AT_ONCE: Final = 50
"""Streams that one process of a client is given, so that its deadline stays bearable."""
_OWN_FRAMING: Final = frozenset({"transfer-encoding", "content-length", "content-encoding", "connection", "keep-alive"})


@dataclass(frozen=True, slots=True)
class Played:
    """What a client made of one recorded stream.

    Attributes:
        client: Its family and version.
        exchange: Id of the exchange.
        outcome: ``worked``, ``raised``, ``other text`` or ``ended``.
        words: What it raised, or how its text differs from what the deltas of the stream add up to.
        clauses: What the run itself says is broken in this exchange.
    """

    client: str
    exchange: str
    outcome: str
    words: str = ""
    clauses: tuple[str, ...] = ()


def playable(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Streams that a client accumulates, whole by their framing and not disturbed on purpose."""
    operations = {operation for _, operation in HELPERS}
    return [
        one
        for one in exchanges
        if one.operation in operations
        and one.mode == "stream"
        and one.succeeded
        and one.complete
        and one.body
        and not one.disturbed
    ]


async def play(client: Client, home: Path, scripts: Path, streams: Sequence[Exchange]) -> list[Played]:
    """Play streams to a client that can be run here, each at a base URL of its own."""
    helpers = {operation: helper for (family, operation), helper in HELPERS.items() if family == client.family}
    mine = [(one, helpers[one.operation]) for one in streams if one.operation in helpers]
    played: list[Played] = []
    for start in range(0, len(mine), _AT_ONCE):
        part = mine[start : start + _AT_ONCE]
        async with _player([one for one, _ in part]) as base:
            orders = {
                **dict(client.orders),
                **dict.fromkeys(("key", "wrong_key"), "sk-nobody"),
                "prompt": "recorded",
                "model": "recorded",
                "cases": [
                    {"label": one.id, "do": helper, "base_url": f"{base}/{number}"}
                    for number, (one, helper) in enumerate(part)
                ],
            }
            with new_home() as folder:
                command = script_command(client, home, scripts, Path(folder))
                told = await run_script(command, orders, folder=Path(folder), seconds=SECONDS)
        played += [_compared(client.name, one, told[one.id]) for one, _ in part]
    return played


def with_clauses(played: Iterable[Played], broken: dict[str, tuple[str, ...]]) -> list[Played]:
    """The same with the clauses that a run found broken in each exchange (exchange id -> clauses)."""
    return [replace(one, clauses=broken.get(one.exchange, ())) for one in played]


def text_of(exchange: Exchange) -> str:
    """What the text deltas of a stream add up to; empty where they make no answer."""
    if exchange.operation == "createMessage":
        return message_answer.text_of(message_answer.message_of(exchange))
    answer: Any = {
        "createChatCompletion": chat_answer.answer_of,
        "createResponse": response_answer.answer_of,
        "streamGeminiContent": gemini_answer.answer_of,
    }[exchange.operation](exchange)
    return str(answer.text) if answer else ""


def _compared(client: str, exchange: Exchange, told: dict[str, Any]) -> Played:
    if "raised" in told:
        raised = told["raised"]
        return Played(client, exchange.id, "raised", f"{raised['type']}: {raised['text'][:200]}")
    if "value" not in told:
        return Played(client, exchange.id, "ended", str(told.get("ended", "")))
    own, seen = text_of(exchange), told["value"] or ""
    if seen == own:
        return Played(client, exchange.id, "worked")
    return Played(client, exchange.id, "other text", f"{str(seen)[:100]!r}, while its deltas add up to {own[:100]!r}")


@contextlib.asynccontextmanager
async def _player(streams: Sequence[Exchange]) -> AsyncIterator[str]:
    """Answers a request below ``/<number>`` with the stream of this number, on 127.0.0.1."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                number = head.split(b" ", 2)[1].split(b"/", 2)[1]
                writer.write(_recorded(streams[int(number)]))
                await writer.drain()
                writer.write_eof()
                while await reader.read(_HEAD_LIMIT):  # what is left of the request, until the client has left
                    pass
        except (OSError, ValueError, IndexError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=_HEAD_LIMIT)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _recorded(exchange: Exchange) -> bytes:
    """Status, headers and body as recorded; the body ends with its connection."""
    response = exchange.response
    if response is None:
        return b""
    lines = [f"HTTP/1.1 {response.status} Recorded"]
    lines += [f"{name}: {value}" for name, value in response.headers if name.lower() not in _OWN_FRAMING]
    lines.append(f"content-length: {len(exchange.body)}")
    return ("\r\n".join(lines) + "\r\nconnection: close\r\n\r\n").encode("utf-8", "replace") + exchange.body
