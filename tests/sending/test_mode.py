"""Whether an exchange is a stream, as far as its request and its answer tell."""

from __future__ import annotations

import pytest

from llmapi_conformance.evidence.exchange import Ending, Response
from llmapi_conformance.sending.assembly import mode_of
from llmapi_conformance.sending.session import Outgoing


def _asks(stream: str) -> Outgoing:
    return Outgoing("POST", "/v1/messages", (), b'{"stream":' + stream.encode() + b"}", ())


def _answer(media_type: str) -> Response:
    return Response(200, (("Content-Type", media_type),), 0.0, (), Ending.COMPLETE, "", 0.0, 0, "")


@pytest.mark.parametrize(("stream", "mode"), [("true", "stream"), ("false", "plain"), ("null", "plain")])
@pytest.mark.parametrize("media_type", ["application/json", "text/event-stream"])
def test_a_boolean_decides_whatever_was_answered(stream: str, mode: str, media_type: str) -> None:
    assert mode_of(_asks(stream), _answer(media_type)) == mode


@pytest.mark.parametrize("stream", ['"yes"', "1", "[]"])
def test_where_it_is_no_boolean_the_answer_decides(stream: str) -> None:
    assert mode_of(_asks(stream), _answer("Text/Event-Stream; charset=utf-8")) == "stream"
    assert mode_of(_asks(stream), _answer("application/json")) == "plain"
    assert mode_of(_asks(stream), None) == "plain"
