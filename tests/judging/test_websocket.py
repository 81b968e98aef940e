"""Oracles of the handshake and the frames of the Responses WebSocket."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import llmapi_conformance.judging.oracles.websocket_ends
import llmapi_conformance.judging.oracles.websocket_turns  # noqa: F401 - both register their oracles
from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.judging.oracles import websocket as oracles
from tests.judging.response_cases import call, found, judged, message, response
from tests.judging.websocket_cases import (
    ANSWERED,
    ASKED,
    NOT_FOUND,
    ask,
    broken,
    frame,
    handshake,
    identified,
    say,
    seen,
    socket,
    told,
    turn,
    without,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

BAD_KEY = {"type": "error", "error": {"type": "authentication_error", "message": "Invalid API key"}}


def test_a_conversation_that_keeps_every_rule_breaks_none() -> None:
    whole = socket(turn(response(message(), call(), call(1))), [ask(), *told(identified(2))])
    assert broken(whole) == set()
    assert {"WS-H05", "WS-H06", "WS-F01", "WS-F02", "WS-F03", "WS-F06", "WS-T01", "WS-T02", "WS-T03", "WS-T13"} <= seen(
        whole
    )
    assert {"WS-E02", "WS-E06"} <= seen(whole)


@pytest.mark.parametrize(
    "legal",
    [
        socket(ask(), told(), say({"type": "codex.rate_limits", "limits": {}})),
        socket(ask(), say({"type": "codex.response.metadata"}), told()),
        socket(ask(), say(NOT_FOUND), turn()),
        socket(ask(), [*told()[:5], say(NOT_FOUND)]),
        socket(turn(), frame(b"", kind="ping"), frame(b"", sent=True, kind="pong")),
        socket(turn(), headers=(*ANSWERED, ("X-Extra", "yes"))),
        socket(turn(), closed="gateway", code=1001),
    ],
)
def test_legal_variations_break_nothing(legal: Exchange) -> None:
    assert broken(legal) == set()


def test_an_upgrade_that_is_refused_or_stays_a_page_is_found() -> None:
    assert judged(oracles.upgrade_with_a_good_key_is_accepted, socket()) == (1, [])
    assert found(oracles.upgrade_with_a_good_key_is_accepted, handshake(404, {"error": {}})) == 1
    assert found(oracles.upgrade_with_a_good_key_is_accepted, handshake(200, b"<html>")) == 1


def test_a_bad_key_gets_401_and_the_documented_body_before_the_upgrade() -> None:
    oracle = oracles.bad_key_is_refused_before_the_upgrade
    assert judged(oracle, handshake(401, BAD_KEY)) == (1, [])
    assert found(oracle, handshake(401, {"error": {"type": "x", "message": "Invalid API key"}})) == 1
    assert found(oracle, handshake(403, BAD_KEY)) == 1
    assert found(oracle, socket()) == 1


def test_each_header_opens_the_connection_or_is_found() -> None:
    oracle = oracles.each_key_header_opens_the_connection
    assert judged(oracle, {"Authorization": socket(), "x-api-key": socket()}) == (2, [])
    assert found(oracle, {"Authorization": socket(), "x-api-key": handshake(403, {})}) == 1
    assert judged(oracle, {"Authorization": handshake(404, {}), "x-api-key": handshake(404, {})}) == (0, [])


def test_a_get_without_upgrade_is_told_to_upgrade_in_json() -> None:
    oracle = oracles.get_without_upgrade_is_told_to_upgrade
    for status in (400, 426):
        assert judged(oracle, handshake(status, {"error": {"type": "x", "message": "upgrade"}})) == (1, [])
    assert found(oracle, handshake(200, b"<html>")) == 1
    assert found(oracle, handshake(426, b"Upgrade Required")) == 1


@pytest.mark.parametrize("accept", ["", "s3pPLMBiTxaQ9kYGzzhZRbK+xOp=", "dGhlIHNhbXBsZSBub25jZQ=="])
def test_a_wrong_accept_is_found(accept: str) -> None:
    headers = (*ANSWERED[:2], *((("Sec-WebSocket-Accept", accept),) if accept else ()))
    assert broken(socket(headers=headers)) == {"WS-H05"}


def test_a_subprotocol_or_extension_that_nobody_offered_is_found() -> None:
    for name, value in (("Sec-WebSocket-Protocol", "chat"), ("Sec-WebSocket-Extensions", "permessage-deflate")):
        assert broken(socket(headers=(*ANSWERED, (name, value)))) == {"WS-H06"}
    offered = (*ASKED, ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"))
    picked = (*ANSWERED, ("sec-websocket-extensions", "permessage-deflate; server_no_context_takeover"))
    assert broken(socket(headers=picked, asked=offered)) == set()


def test_a_version_that_nobody_speaks_is_refused_or_found() -> None:
    assert judged(oracles.unknown_version_is_refused, handshake(426, b"")) == (1, [])
    assert found(oracles.unknown_version_is_refused, socket()) == 1


def test_a_websocket_on_another_route_is_noted() -> None:
    assert judged(oracles.other_routes_open_no_websocket, handshake(404, {})) == (1, [])
    assert found(oracles.other_routes_open_no_websocket, socket(path="/v1/chat/completions")) == 1


@pytest.mark.parametrize(
    ("extra", "clause"),
    [
        (say([{"type": "response.created"}]), "WS-F01"),
        (say("hello"), "WS-F01"),
        (say('{"a":1}{"b":2}'), "WS-F01"),
        (frame(b'{"type":"x"}', kind="binary"), "WS-F02"),
        (say("[DONE]"), "WS-F03"),
        (say('data: {"type":"x"}\n\n'), "WS-F03"),
        (say(": keepalive"), "WS-F03"),
    ],
)
def test_messages_that_are_no_json_objects_of_text_are_found(extra: Any, clause: str) -> None:
    assert broken(socket(turn(), extra)) == {clause}


def test_a_message_in_fragments_is_taken_or_found() -> None:
    oracle = oracles.message_in_fragments_is_taken
    pieces = [replace(ask(), final=False), frame(b" ", sent=True)]
    assert judged(oracle, socket(turn(), pieces, told(identified(2)))) == (1, [])
    assert judged(oracle, socket(turn())) == (0, [])
    assert found(oracle, socket(pieces, say(NOT_FOUND))) == 1
    assert found(oracle, socket(pieces, closed="gateway", code=1003)) == 1


def test_a_ping_is_answered_with_its_content_or_found() -> None:
    ping = frame(b"abc", sent=True, kind="ping")
    good = socket(turn(), ping, frame(b"abc", kind="pong"))
    assert broken(good) == set()
    assert "WS-F05" in seen(good)
    assert broken(socket(turn(), ping, frame(b"", kind="pong"))) == {"WS-F05"}
    assert broken(socket(turn(), ping)) == {"WS-F05"}
    assert "WS-F05" not in seen(socket(turn(), ping, closed="gateway", code=1001))


def test_a_broken_frame_is_found() -> None:
    detail = "the gateway broke the WebSocket protocol: incorrect masking"
    bad = socket(ask(), told(), closed="nobody", ending=Ending.RESET, detail=detail)
    assert broken(bad) == {"WS-F06"}
    reset = socket(ask(), told(), closed="nobody", ending=Ending.RESET, detail="the connection was reset")
    assert broken(reset) == set()


def test_hostile_bytes_make_no_oracle_raise() -> None:
    strange = [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"type": 7}',
        b'{"type":"response.created","response":[]}',
        b"{" * 99,
    ]
    frames = [frame(data) for data in strange]
    for kind in ("text", "binary"):
        broken(socket(ask(), [replace(one, kind=kind) for one in frames], ask(), closed="nobody", ending=Ending.CUT))
    broken(socket(frame(b"\xff", sent=True), frames))
    broken(
        socket(ask(), without(told(), "response.created"), say({"type": "error"}), say({"type": "error", "error": 3}))
    )
