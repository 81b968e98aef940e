from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from llmapi_conformance.evidence.exchange import Ending, Exchange, Frame, Response
from tests.evidence.recordings import conversation, exchange


def with_frames(*frames: Frame) -> Exchange:
    return conversation(frames=frames)


def heard(data: bytes, *, final: bool = True, at: float = 0.0) -> Frame:
    return Frame(at, sent=False, kind="text", data=data, final=final)


def said(data: bytes, *, final: bool = True, at: float = 0.0) -> Frame:
    return Frame(at, sent=True, kind="text", data=data, final=final)


def test_an_opened_websocket_is_a_success_and_not_hollow() -> None:
    talk = with_frames()
    assert (talk.upgraded, talk.succeeded, talk.refused, talk.hollow, talk.complete) == (True, True, False, False, True)
    silent = dataclasses.replace(exchange(), response=Response(101, (), 0, (), Ending.COMPLETE, "", 0, 0, ""))
    assert (silent.upgraded, silent.succeeded) == (False, False)


def test_a_websocket_that_was_refused_is_an_answer_of_http() -> None:
    refused = dataclasses.replace(exchange(), mode="websocket")
    assert (refused.upgraded, refused.succeeded) == (False, True)
    assert refused.body.startswith(b"data:")


def test_fragments_are_put_together_whatever_stands_between_them() -> None:
    talk = with_frames(
        heard(b'{"a"', final=False, at=1),
        said(b'{"b"', final=False, at=2),
        Frame(2.5, sent=False, kind="ping", data=b"p"),
        heard(b":1}", at=3),
        said(b":2}", at=4),
    )
    assert [(one.at, one.sent, one.json, one.whole) for one in talk.conversation] == [
        (3, False, {"a": 1}, True),
        (4, True, {"b": 2}, True),
    ]


def test_messages_are_the_json_objects_that_the_gateway_sent_as_text() -> None:
    talk = with_frames(
        said(b'{"ours":1}'),
        heard(b"[DONE]"),
        heard(b'{"type":"one"}'),
        heard(b"[1]"),
        heard(b"\xff"),
        Frame(0, sent=False, kind="binary", data=b'{"type":"two"}'),
        heard(b'{"type":"three"}\n'),
        heard(b'{"type":"four"}', final=False),
    )
    assert [one.json["type"] for one in talk.messages] == ["one", "three"]


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.binary(max_size=6)), max_size=12))
def test_a_message_stands_in_the_body_where_it_says(pieces: list[tuple[bool, bool, bytes]]) -> None:
    talk = with_frames(*(Frame(0, sent=sent, kind="text", data=data, final=final) for sent, final, data in pieces))
    received = [one for one in talk.conversation if not one.sent]
    assert all(talk.body[one.start : one.end] == one.data for one in received)
    assert talk.body == b"\n".join(one.data for one in received)
    for sent in (True, False):
        whole = b"".join(one.data for one in talk.conversation if one.sent is sent)
        assert whole == b"".join(data for direction, _, data in pieces if direction is sent)


def test_the_first_close_tells_who_closed() -> None:
    assert conversation().close == (1000, "bye", "gateway")
    ours = with_frames(Frame(0, sent=True, kind="close", data=b"incorrect masking", code=1002))
    assert ours.close == (1002, "incorrect masking", "client")
    assert with_frames(heard(b"{}")).close is None
    broken = with_frames(Frame(0, sent=False, kind="close", data=b"\xff"))
    assert broken.close == (None, "\ufffd", "gateway")
