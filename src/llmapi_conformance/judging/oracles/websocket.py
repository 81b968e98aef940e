"""Responses over WebSocket: the handshake and the frames (RFC 6455, wire-grammars 6)."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Final

from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.judging.chat_answer import shown
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.websocket_turns import OPERATIONS, turns_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SOCKET: Final = On(operations=OPERATIONS, mode="websocket", disturbed=True)
"""Every WebSocket that was opened."""
DOCUMENTED_401: Final = {"type": "error", "error": {"type": "authentication_error", "message": "Invalid API key"}}
"""The body of a refused key (F9.7)."""

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_BROKEN: Final = "broke the WebSocket protocol"
_LINES_OF_SSE: Final = (b"data:", b"event:", b"id:", b"retry:", b":")


@oracle("WS-H01")
def upgrade_with_a_good_key_is_accepted(exchange: Exchange) -> Judgement:
    """GET with an upgrade and a key of an OpenAI group is answered with 101 (facts F5.15, F9.9)."""
    yield Examined("handshake")
    if not exchange.upgraded:
        yield Deviation("101 for an upgrade with a good key", answer(exchange))


@oracle("WS-H02")
def bad_key_is_refused_before_the_upgrade(exchange: Exchange) -> Judgement:
    """401 with the documented body, and no WebSocket (facts F9.3, F9.7)."""
    yield Examined("handshake without a good key")
    if exchange.status != 401:
        yield Deviation(f"401 before the upgrade for {exchange.label}", answer(exchange))
    elif exchange.json != DOCUMENTED_401:
        yield Deviation(
            f"exactly the body {json.dumps(DOCUMENTED_401)} for {exchange.label}",
            shown(exchange.body[:200].decode("utf-8", "replace"), 200),
            (0, len(exchange.body)),
        )


@oracle("WS-H03")
def each_key_header_opens_the_connection(handshakes: Mapping[str, Exchange]) -> Judgement:
    """A valid key opens it in whichever of the three headers it comes (fact F9.4)."""
    for header, exchange in handshakes.items():
        if exchange.upgraded:
            yield Examined("handshake")
        elif exchange.status == 401 or any(other.upgraded for other in handshakes.values()):
            yield Examined("handshake")
            yield Deviation(f"101 with a valid key in {header}", answer(exchange), exchange=exchange)


@oracle("WS-H04")
def get_without_upgrade_is_told_to_upgrade(exchange: Exchange) -> Judgement:
    """A plain GET gets 400 or 426, in JSON (rule W-plain-get)."""
    yield Examined("GET without upgrade")
    if exchange.status not in (400, 426):
        yield Deviation("status 400 or 426 for a GET without upgrade", answer(exchange))
    elif not isinstance(exchange.json, dict):
        yield Deviation(
            "a JSON object", shown(exchange.body[:80].decode("utf-8", "replace")), (0, min(80, len(exchange.body)))
        )


@oracle("WS-H05", on=SOCKET)
def accept_is_computed_from_the_key(exchange: Exchange) -> Judgement:
    """Base64 of the SHA-1 of the client's key and the protocol's GUID (RFC 6455 section 4.2.2)."""
    keys = [value for name, value in exchange.request.headers if name.lower() == "sec-websocket-key"]
    if len(keys) != 1:
        return
    yield Examined("Sec-WebSocket-Accept")
    digest = hashlib.sha1(keys[0].strip().encode() + _GUID, usedforsecurity=False).digest()
    wanted = base64.b64encode(digest).decode()
    found = exchange.header_values("sec-websocket-accept")
    if [value.strip() for value in found] != [wanted]:
        yield Deviation(f"Sec-WebSocket-Accept: {wanted}", ", ".join(found) or "no such header")


@oracle("WS-H06", on=SOCKET)
def nothing_is_picked_that_was_not_offered(exchange: Exchange) -> Judgement:
    """Neither a subprotocol nor an extension (RFC 6455 section 4.2.2)."""
    yield Examined("handshake")
    for header in ("sec-websocket-protocol", "sec-websocket-extensions"):
        sent = [value for name, value in exchange.request.headers if name.lower() == header]
        offered = set(_tokens(sent))
        picked = [token for token in _tokens(exchange.header_values(header)) if token not in offered]
        if picked:
            yield Deviation(f"nothing in {header} that was not offered", ", ".join(picked))


@oracle("WS-H07")
def unknown_version_is_refused(exchange: Exchange) -> Judgement:
    """A version of the protocol that nobody speaks opens nothing (RFC 6455 section 4.4)."""
    yield Examined("handshake of another version")
    if exchange.upgraded:
        yield Deviation("a refusal of the WebSocket version that was asked for", answer(exchange))


@oracle("WS-A04")
def other_routes_open_no_websocket(exchange: Exchange) -> Judgement:
    """WebSocket is documented for Responses only (fact F1.6)."""
    yield Examined("upgrade on another route")
    if exchange.status == 101:
        yield Deviation("no WebSocket but that of Responses", f"101 for {exchange.request.path}")


@oracle("WS-F01", on=SOCKET)
def each_message_is_one_json_object(exchange: Exchange) -> Judgement:
    """One JSON object per text message (rule W-frames)."""
    for message in exchange.conversation:
        if message.sent or not message.whole or message.kind != "text" or _is_sse(message.data):
            continue
        yield Examined("message")
        if not isinstance(message.json, dict):
            yield Deviation(
                "one JSON object per message",
                shown(message.data[:200].decode("utf-8", "replace"), 200),
                (message.start, message.end),
            )
            return


@oracle("WS-F02", on=SOCKET)
def no_message_is_binary(exchange: Exchange) -> Judgement:
    """Codex gives up on a binary message (rule W-frames)."""
    for message in exchange.conversation:
        if message.sent:
            continue
        yield Examined("message")
        if message.kind == "binary":
            yield Deviation(
                "text messages only", f"a binary message of {len(message.data)} bytes", (message.start, message.end)
            )
            return


@oracle("WS-F03", on=SOCKET)
def no_message_is_written_like_sse(exchange: Exchange) -> Judgement:
    """Neither ``data:`` lines nor ``[DONE]`` (rule W-frames)."""
    for message in exchange.conversation:
        if message.sent or message.kind != "text":
            continue
        yield Examined("message")
        if _is_sse(message.data):
            yield Deviation(
                "JSON alone, without lines of SSE and without [DONE]",
                shown(message.data[:80].decode("utf-8", "replace")),
                (message.start, message.end),
            )
            return


@oracle("WS-F04")
def message_in_fragments_is_taken(exchange: Exchange) -> Judgement:
    """A message of the client may come in several frames (RFC 6455 section 5.4)."""
    for turn, frames in zip(turns_of(exchange), _frames_of_messages(exchange), strict=False):
        if not turn.creates or frames < 2:
            continue
        yield Examined("message in fragments")
        if not turn.begun:
            end = turn.end
            yield Deviation(
                "a response to a request that was sent in fragments",
                shown(end.data.decode("utf-8", "replace"), 200) if end else how_it_ended(exchange),
                (end.start, end.end) if end else None,
            )


@oracle("WS-F05", on=SOCKET)
def ping_is_answered_with_its_content(exchange: Exchange) -> Judgement:
    """Each ping gets a pong with the same data (RFC 6455 section 5.5.2)."""
    for number, ping in enumerate(exchange.frames):
        if ping.kind != "ping" or not ping.sent:
            continue
        later = exchange.frames[number + 1 :]
        pongs = [frame.data for frame in later if frame.kind == "pong" and not frame.sent]
        closing = any(frame.kind == "close" for frame in later) and not pongs
        if closing and exchange.close is not None and exchange.close.by == "gateway":
            continue  # it closed before it could answer: another clause's finding
        yield Examined("ping")
        if ping.data not in pongs:
            yield Deviation(
                f"a pong with {ping.data!a}", f"a pong with {pongs[0]!a}" if pongs else "no pong for the ping"
            )


@oracle("WS-F06", on=SOCKET)
def frames_are_well_formed(exchange: Exchange) -> Judgement:
    """Frames are built as the protocol has it, and never masked by a server (RFC 6455 sections 5.1, 5.2)."""
    received = sum(not frame.sent for frame in exchange.frames)
    broken = exchange.response is not None and exchange.response.ending is Ending.RESET
    detail = exchange.response.detail if exchange.response and broken else ""
    if received or _BROKEN in detail:
        yield Examined("frame", received or 1)
    if _BROKEN in detail:
        yield Deviation("frames as RFC 6455 builds them", detail, (len(exchange.body), len(exchange.body)))


def answer(exchange: Exchange) -> str:
    """The answer to a handshake, for a sentence in a report."""
    told = exchange.body[:160].decode("utf-8", "replace") if not exchange.upgraded else ""
    return f"status {exchange.status}" + (f" with {shown(told, 160)}" if told else "")


def how_it_ended(exchange: Exchange) -> str:
    """How a WebSocket ended, for a sentence in a report."""
    close = exchange.close
    if close is not None and close.by == "gateway":
        return f"a close with {close.code or 'no code'} by the gateway" + (
            f" ({close.reason[:80]})" if close.reason else ""
        )
    detail = exchange.response.detail if exchange.response else exchange.failure
    return detail or "nothing more"


def _tokens(values: Iterable[str]) -> list[str]:
    """The names in a list of subprotocols or extensions, parameters left out."""
    return [part.partition(";")[0].strip().lower() for value in values for part in value.split(",") if part.strip()]


def _frames_of_messages(exchange: Exchange) -> Iterator[int]:
    """How many frames each message of the client has, in order."""
    count = 0
    for frame in exchange.frames:
        if frame.sent and not frame.is_control:
            count += 1
            if frame.final:
                yield count
                count = 0


def _is_sse(data: bytes) -> bool:
    text = data.strip()
    return text == b"[DONE]" or text.startswith(_LINES_OF_SSE)
