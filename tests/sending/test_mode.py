"""Whether an exchange is a stream, as far as its request and its answer tell."""

from __future__ import annotations

import pytest

from llmapi_conformance.evidence.exchange import Ending, Response
from llmapi_conformance.sending.assembly import mode_of
from llmapi_conformance.sending.outgoing import Outgoing


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


@pytest.mark.parametrize(("query", "mode"), [("?alt=sse", "stream"), ("?key=x&alt=sse", "stream"), ("", "plain")])
def test_gemini_asks_by_its_path_and_query(query: str, mode: str) -> None:
    asks = Outgoing("POST", f"/v1beta/models/m:streamGenerateContent{query}", (), b'{"contents":[]}', ())
    assert mode_of(asks, _answer("application/json")) == mode


@pytest.mark.parametrize("query", ["?alt=sse&alt=json", "?alt=json&alt=sse"])
def test_of_two_forms_that_are_asked_for_the_answer_tells_which(query: str) -> None:
    asks = Outgoing("POST", f"/v1beta/models/m:streamGenerateContent{query}", (), b'{"contents":[]}', ())
    assert mode_of(asks, _answer("application/json")) == "plain"
    assert mode_of(asks, _answer("text/event-stream")) == "stream"


@pytest.mark.parametrize(("value", "mode"), [("true", "stream"), ("false", "plain")])
def test_a_form_asks_in_a_field(value: str, mode: str) -> None:
    body = f'--b\r\nContent-Disposition: form-data; name="stream"\r\n\r\n{value}\r\n--b--\r\n'.encode()
    assert mode_of(Outgoing("POST", "/v1/images/edits", (), body, ()), _answer("text/event-stream")) == mode


def test_listening_asks_for_a_stream_whatever_was_answered() -> None:
    listens = Outgoing("GET", "/v1/images/tasks/events", (), b"", (), listens=True)
    accepts = Outgoing("GET", "/v1/images/tasks/events", (("accept", "Text/Event-Stream, */*"),), b"", ())
    plainly = Outgoing("GET", "/v1/images/tasks", (("accept", "application/json"),), b"", ())
    posted = Outgoing("POST", "/v1/images/tasks", (("accept", "text/event-stream"),), b"{}", ())
    for answer in (None, _answer("application/json"), _answer("text/event-stream")):
        assert [mode_of(one, answer) for one in (listens, accepts, plainly, posted)] == [
            *("stream", "stream"),
            *("plain", "plain"),
        ]
