"""Which exchanges an oracle with ``on`` speaks about."""

from __future__ import annotations

import dataclasses

import pytest

from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.judging.check import Check
from llmapi_conformance.judging.oracle import Examined, Judgement, On, Oracle
from tests.judging.build import exchange

SOCKET = "connectResponses"


def socket(status: int = 101, ending: Ending = Ending.COMPLETE) -> Exchange:
    return exchange(
        operation=SOCKET, mode="websocket", method="GET", path="/v1/responses", status=status, ending=ending
    )


COVERED = [
    ("an opened one by its mode", On((SOCKET,), mode="websocket"), socket(), True),
    ("an opened one as any answer", On(mode="websocket", outcome="any"), socket(), True),
    ("an opened one is no answer of HTTP", On(outcome="any"), socket(), False),
    ("an opened one is no stream", On(mode="stream"), socket(), False),
    ("an opened one is no error", On(mode="websocket", outcome="error"), socket(), False),
    ("a refused one is an error of HTTP", On(outcome="error"), socket(401), True),
    ("a refused one is no success", On(mode="websocket"), socket(401), False),
    ("one that we hung up on", On(mode="websocket"), socket(ending=Ending.ABORTED), False),
    ("one that was cut", On(mode="websocket"), socket(ending=Ending.CUT), True),
    ("a 101 that nobody asked for", On(outcome="success"), exchange(status=101), False),
    ("a plain answer", On(), exchange(), True),
    ("a plain answer is no WebSocket", On(mode="websocket"), exchange(), False),
]


@pytest.mark.parametrize(("on", "one", "covered"), [c[1:] for c in COVERED], ids=[c[0] for c in COVERED])
def test_an_oracle_speaks_about_what_it_names(on: On, one: Exchange, covered: bool) -> None:  # noqa: FBT001 - a parameter
    assert on.covers(one) is covered


def test_an_opened_websocket_counts_as_examined_though_it_said_nothing() -> None:
    def looked(_: Exchange) -> Judgement:
        yield Examined("handshake")

    check = Check("x", ("WS-H01",))
    check.took(Oracle("WS-H01", looked, On(mode="websocket")), (socket(),))
    assert check.examined == {"WS-H01": 1}
    empty = dataclasses.replace(socket(200), response=dataclasses.replace(socket(200).response, chunks=()))  # type: ignore[type-var]  # there is one
    check.took(Oracle("WS-H01", looked), (empty,))
    assert check.examined == {"WS-H01": 1}
