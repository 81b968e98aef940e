"""Responses over WebSocket: errors, failures and closes, and keys that are served no turn (wire-grammars 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.contract.access import AccessMatrix, Deny
from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.judging.chat_answer import array, shown, string, words_in
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.websocket import how_it_ended
from llmapi_conformance.judging.response_answer import object_of
from llmapi_conformance.judging.upstream_log import log_entries
from llmapi_conformance.judging.websocket_turns import ERROR, OPERATIONS, creates_of, turns_of, type_of

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

ALWAYS: Final = On(operations=OPERATIONS, mode="websocket", disturbed=True)
"""Every WebSocket that was opened, also where the upstream was made to fail."""
_NORMAL: Final = 1000


@oracle("WS-E01", on=ALWAYS)
def error_message_says_what_went_wrong(exchange: Exchange) -> Judgement:
    """Type error, a status outside 2xx, and an error with code and message (rule W-errors)."""
    for message in exchange.messages:
        if type_of(message) != ERROR:
            continue
        yield Examined("error message")
        status = message.json.get("status")
        error = object_of(message.json.get("error"))
        wrong = (
            f"status {shown(status)}"
            if not isinstance(status, int) or isinstance(status, bool) or 200 <= status < 300
            else f"error {shown(message.json.get('error'))}"
            if not string(error.get("message")) or not string(error.get("code"))
            else ""
        )
        if wrong:
            yield Deviation(
                "an error message with a status outside 2xx, and code and message under error",
                wrong,
                (message.start, message.end),
            )


@oracle("WS-E02", on=ALWAYS)
def no_normal_close_in_a_turn(exchange: Exchange) -> Judgement:
    """A close with 1000 before the terminal event looks like a clean end to clients (rule W-close, defect M36)."""
    turns = creates_of(exchange)
    if not turns:
        return
    yield Examined("turn", len(turns))
    close = exchange.close
    if close is not None and close.by == "gateway" and close.code == _NORMAL and turns[-1].end is None:
        last = turns[-1].messages[-1] if turns[-1].messages else None
        yield Deviation(
            "no close with 1000 before the turn has ended",
            f"a close with 1000 behind {type_of(last) if last else 'the request'}",
            (last.start, last.end) if last else None,
        )


@oracle("WS-E04")
def failing_turn_is_not_dressed_up(exchange: Exchange) -> Judgement:
    """An upstream that fails or breaks off is never told as a finished response (H5, rule W-errors, defect M14)."""
    for turn in creates_of(exchange):
        yield Examined("turn whose upstream failed")
        if turn.end is None:
            if not _was_broken_off(exchange):
                yield Deviation("an error, a failed response, or a connection that breaks", how_it_ended(exchange))
        elif type_of(turn.end) in {"response.completed", "response.incomplete"}:
            yield Deviation(
                "an error or a failed response, since the upstream failed",
                type_of(turn.end),
                (turn.end.start, turn.end.end),
            )


@oracle("WS-E07")
def failing_turn_is_told(exchange: Exchange) -> Judgement:
    """The client is told by a message rather than by a connection that breaks (rule W-errors)."""
    for turn in creates_of(exchange):
        yield Examined("turn whose upstream failed")
        if turn.end is None:
            yield Deviation("an error message or response.failed", how_it_ended(exchange))


@oracle("WS-E05")
def hanging_up_in_a_turn_reaches_the_upstream(exchange: Exchange, log: Exchange) -> Judgement:
    """When the client is gone, the upstream's answer is given up (H5)."""
    if exchange.ending is not Ending.ABORTED or exchange.response is None:
        return
    if exchange.response.ended_at > _pace(exchange) / 2:
        return  # the upstream may have been done before the client was gone
    for entry in log_entries(log):
        yield Examined("upstream request")
        if entry.get("finished") is True or entry.get("disconnected") is not True:
            yield Deviation(
                "the upstream request given up, soon after the client hung up",
                f"the upstream still answering, {shown(entry.get('deltas_sent'))} deltas sent",
            )


@oracle("WS-E06", on=ALWAYS)
def close_is_answered_with_a_close(exchange: Exchange) -> Judgement:
    """The gateway sends a close when it gets one (RFC 6455 section 7.1.1)."""
    close = exchange.close
    if close is None or close.by != "client" or close.code != _NORMAL:
        return
    yield Examined("close")
    if not any(frame.kind == "close" and not frame.sent for frame in exchange.frames):
        yield Deviation("a close in answer to ours", how_it_ended(exchange))


@oracle("WS-A01")
def key_refused_over_http_is_served_no_turn(matrix: AccessMatrix, http: Exchange | None, socket: Exchange) -> Judgement:
    """A key that Responses refuses over HTTP gets nothing over WebSocket (fact F9.8).

    Args:
        matrix: Says which keys are refused, where nothing was asked over HTTP.
        http: The same request over HTTP, if there was one.
        socket: The WebSocket.
    """
    refused = http.refused if http is not None else isinstance(matrix.cell(socket.role, "createResponse"), Deny)
    if refused:
        yield from _no_turn(socket)


@oracle("WS-A02")
def key_without_money_is_served_no_turn(exchange: Exchange) -> Judgement:
    """A key without balance or quota gets nothing over WebSocket (fact F9.11)."""
    yield from _no_turn(exchange)


@oracle("WS-A03")
def key_over_its_rate_is_served_no_turn(exchange: Exchange) -> Judgement:
    """A key over its rate gets nothing over WebSocket (fact F9.11)."""
    yield from _no_turn(exchange)


def _pace(exchange: Exchange) -> float:
    """Seconds that the scripted answer takes."""
    words = [words_in(text) for message in exchange.conversation if message.sent for text in _texts(message.json)]
    paces = [(one.get("chunks", ""), one.get("every", "").removesuffix("ms")) for one in words]
    return max((int(n) * int(ms) / 1000 for n, ms in paces if n.isdecimal() and ms.isdecimal()), default=0.0)


def _texts(message: Any) -> list[str]:
    """The texts of the input of a response.create."""
    if given := string(object_of(message).get("input")):
        return [given]
    items = array(message, "input")
    return [string(object_of(part).get("text")) for item in items for part in array(item, "content")]


def _no_turn(exchange: Exchange) -> Judgement:
    """A refusal may come before the upgrade, or on the first turn."""
    yield Examined("key that is refused")
    served = next((turn for turn in turns_of(exchange) if turn.served), None)
    if served is not None:
        end = served.end or served.messages[-1]
        yield Deviation(f"no turn for a key of {exchange.role}", type_of(end), (end.start, end.end))


def _was_broken_off(exchange: Exchange) -> bool:
    """Whether the connection ended so that a client can tell that something went wrong."""
    close = exchange.close
    if close is not None and close.by == "gateway":
        return close.code != _NORMAL
    return exchange.ending in {Ending.CUT, Ending.RESET}
