"""Aliases: paths without /v1 and those of Codex are what they stand for, and nothing else is there (F4.1 to F4.5)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.contract.access import AccessMatrix, Allow, Deny
from llmapi_conformance.judging.any_answer import standard_operation
from llmapi_conformance.judging.chat_answer import array, shown, string
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles import chat_stream, responses_stream, tasks_events
from llmapi_conformance.judging.oracles.parity import Difference, differences_of_answer, differences_of_form, form_of
from llmapi_conformance.judging.oracles.usage import SMALLEST_AMOUNT, counters
from llmapi_conformance.judging.oracles.websocket import DOCUMENTED_401, answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmapi_conformance.evidence.exchange import Exchange

_SERVED: Final = On(
    operations=(
        "createChatCompletionAlias",
        "createResponseAlias",
        "createResponseCodexAlias",
        "createResponseSubpathAlias",
        "createResponseSubpathCodexAlias",
        "connectResponsesAlias",
        "connectResponsesCodexAlias",
        "generateImageAlias",
        "editImageAlias",
        "submitImageTaskAlias",
        "getImageTaskAlias",
        "cancelImageTaskAlias",
        "streamImageTaskEventsAlias",
    ),
    outcome="any",
)
_GRAMMAR: Final = {
    "createChatCompletion": (
        chat_stream.chunks_come_in_order,
        chat_stream.each_choice_finishes_once,
        chat_stream.one_done_ends_the_stream,
        chat_stream.events_have_no_name,
        chat_stream.chunk_has_its_members,
    ),
    "createResponse": (
        responses_stream.events_are_named_after_their_type,
        responses_stream.sequence_numbers_grow_by_one,
        responses_stream.the_response_is_created_first,
        responses_stream.items_follow_each_other,
        responses_stream.items_keep_id_and_type,
        responses_stream.events_of_an_item_keep_their_order,
        responses_stream.one_terminal_ends_the_stream,
    ),
}
"""What the stream of each protocol is held to, whichever path it came by."""


@oracle("ALI-R01")
def responses_without_v1_is_served(exchange: Exchange) -> Judgement:
    """POST /responses answers with a response (facts F4.1, F5.16)."""
    yield from _served(exchange)


@oracle("ALI-R02")
def responses_socket_without_v1_opens(exchange: Exchange) -> Judgement:
    """GET /responses with an upgrade opens a WebSocket (fact F4.1)."""
    yield from _opened(exchange)


@oracle("ALI-R03")
def chat_without_v1_is_served(exchange: Exchange) -> Judgement:
    """POST /chat/completions answers with a completion (fact F4.1)."""
    yield from _served(exchange)


@oracle("ALI-R04")
def images_without_v1_are_served(exchange: Exchange) -> Judgement:
    """POST /images/generations and /images/edits answer with images (fact F4.1)."""
    yield from _served(exchange)


@oracle("ALI-R05")
def tasks_without_v1_are_served(standard: Mapping[str, Exchange], alias: Mapping[str, Exchange]) -> Judgement:
    """What a key does with its task by the standard paths it does by the aliases (fact F4.1).

    Args:
        standard: The answers of the standard paths, by what was done.
        alias: Those of the aliases; a task that ended before it could be cancelled answers with 409.
    """
    for what, told in alias.items():
        if what not in standard or not standard[what].succeeded:
            continue
        yield Examined("alias of the tasks")
        ended = told.status == 409 and told.operation == "cancelImageTaskAlias"
        if (not told.succeeded and not ended) or _is_page(told):
            yield Deviation(f"{told.request.method} {told.request.path} served", answer(told), exchange=told)


@oracle("ALI-R06")
def codex_responses_is_served(exchange: Exchange) -> Judgement:
    """POST /backend-api/codex/responses answers with a response (fact F4.2)."""
    yield from _served(exchange)


@oracle("ALI-R07")
def codex_subpath_is_that_of_responses(standard: Exchange, alias: Exchange) -> Judgement:
    """A subpath below the Codex entry is served as the one below /v1/responses is (fact F4.2)."""
    if standard.refused:
        return
    yield Examined("subpath")
    if not alias.succeeded:
        yield Deviation(f"{alias.request.path} served like {standard.request.path}", answer(alias), exchange=alias)


@oracle("ALI-R08")
def codex_socket_opens(exchange: Exchange) -> Judgement:
    """GET /backend-api/codex/responses with an upgrade opens a WebSocket (fact F4.2)."""
    yield from _opened(exchange)


@oracle("ALI-X01")
def models_and_usage_have_no_alias(exchange: Exchange) -> Judgement:
    """/models tells no models and /usage no usage (fact F4.3)."""
    yield Examined("path that is not registered")
    body = exchange.json
    if not exchange.succeeded or not isinstance(body, dict):
        return
    listed = any(isinstance(entry, dict) and string(entry.get("id")) for entry in array(body, "data"))
    told = isinstance(body.get("usage"), dict) or "mode" in body or "remaining" in body
    if listed or told:
        yield Deviation(
            f"neither models nor usage at {exchange.request.path}",
            f"status {exchange.status} with {form_of(exchange)}",
            (0, min(80, len(exchange.body))),
        )


@oracle("ALI-X02")
def unregistered_path_is_404_in_json(exchange: Exchange) -> Judgement:
    """A path that is not registered gets 404 with a JSON object (fact F4.3)."""
    yield Examined("path that is not registered")
    if exchange.status != 404:
        yield Deviation(f"404 for {exchange.request.path}", answer(exchange))
    elif not isinstance(exchange.json, dict):
        yield Deviation("a JSON object", form_of(exchange), (0, min(80, len(exchange.body))))


@oracle("ALI-X03")
def unlisted_path_is_noted(exchange: Exchange) -> Judgement:
    """The list of aliases has no such path; whether it is served all the same is open (fact F4.5)."""
    yield Examined("path that is not listed")
    if exchange.succeeded and exchange.media_type != "text/html":
        yield Deviation(
            f"no answer at {exchange.request.path}, which no page lists",
            f"status {exchange.status}, {form_of(exchange)}",
        )


@oracle("ALI-P01")
def alias_answers_like_its_standard(standard: Exchange, alias: Exchange) -> Judgement:
    """Status, content type, shape and content are those of the standard path (fact F4.4, oracle M2)."""
    if _is_page(alias):
        return  # another clause says so
    yield Examined("alias beside its standard path")
    for found in (*differences_of_form(standard, alias), *differences_of_answer(standard, alias)):
        yield _unlike(standard, alias, found)
        return


@oracle("ALI-P02")
def stream_of_an_alias_keeps_the_grammar(standard: Exchange, alias: Exchange) -> Judgement:
    """Whatever rule the stream of the standard path keeps, that of the alias keeps too (oracle M2)."""
    operation = standard_operation(alias.operation)
    if not (standard.succeeded and alias.succeeded):
        return
    view = replace(alias, operation=operation)
    for rule in _GRAMMAR.get(operation, ()):
        if any(isinstance(item, Deviation) for item in rule(standard)):
            continue  # the standard path breaks it as well: that is told there
        for item in rule(view):
            if isinstance(item, Examined):
                yield item
            else:
                yield replace(item, exchange=alias)
                break


@oracle("ALI-P03")
def alias_opens_to_the_same_keys(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """What the standard path refuses a key, its alias refuses too, with one of the same statuses (facts F9.3, F9.8)."""
    cell = matrix.cell(exchange.role, standard_operation(exchange.operation))
    if _is_page(exchange):
        return
    if isinstance(cell, Deny):
        yield Examined("alias with a key that is refused")
        if exchange.status not in cell.statuses:
            statuses = ", ".join(str(status) for status in cell.statuses)
            yield Deviation(
                f"a refusal with {statuses} for {exchange.role} at {exchange.request.path}", answer(exchange)
            )
    elif isinstance(cell, Allow):
        yield Examined("alias with a key that is served")
        if not exchange.succeeded:
            yield Deviation(f"an answer for {exchange.role} at {exchange.request.path}", answer(exchange))


@oracle("ALI-P04")
def alias_without_a_key_is_401(exchange: Exchange) -> Judgement:
    """No path leads around the key: 401 with the documented body (facts F9.3, F9.7)."""
    if exchange.status == 404 or _is_page(exchange):
        return  # that the alias is served at all is another clause's business
    yield Examined("alias without a key")
    if exchange.status != 401:
        yield Deviation(f"401 for {exchange.request.path} without a key", answer(exchange))
    elif exchange.json != DOCUMENTED_401:
        yield Deviation(
            f"exactly the body {json.dumps(DOCUMENTED_401)}",
            shown(exchange.body[:200].decode("utf-8", "replace"), 200),
            (0, len(exchange.body)),
        )


@oracle("ALI-P05", on=_SERVED)
def alias_is_no_page(exchange: Exchange) -> Judgement:
    """200 with HTML is a page for browsers, and no answer of the API (oracle M2)."""
    yield Examined("answer of an alias")
    if _is_page(exchange):
        yield Deviation(
            f"an answer of the API at {exchange.request.path}",
            f"status {exchange.status} with an HTML page",
            (0, min(80, len(exchange.body))),
        )


@oracle("ALI-P06")
def alias_is_charged_like_its_standard(readings: list[Exchange], standard: Exchange, alias: Exchange) -> Judgement:
    """A call by the alias moves usage as the same call by the standard path does (oracle M2).

    Args:
        readings: Usage before both calls, between them, and behind them.
        standard: The call by the standard path.
        alias: The call by the alias.
    """
    told = [counters(reading) for reading in readings]
    if not (standard.succeeded and alias.succeeded) or _is_page(alias) or not all(told):
        return
    before, between, behind = told
    for name in sorted(between.keys() & behind.keys() & before.keys()):
        first, second = between[name] - before[name], behind[name] - between[name]
        yield Examined("counter of usage")
        if abs(first - second) > SMALLEST_AMOUNT:
            yield Deviation(
                f"{name} moved by {first:g}, as by {standard.request.path}",
                f"moved by {second:g} by {alias.request.path}",
                exchange=readings[-1],
            )


@oracle("ALI-P07", on=On(operations=("streamImageTaskEventsAlias",), mode="stream", outcome="any"))
def alias_of_the_events_is_no_task_id(exchange: Exchange) -> Judgement:
    """What holds for the standard path holds for /images/tasks/events (fact F4.6)."""
    yield from tasks_events.the_path_of_the_events_is_no_task_id(exchange)


def _served(exchange: Exchange) -> Judgement:
    yield Examined("alias")
    if not exchange.succeeded or _is_page(exchange):
        yield Deviation(f"{exchange.request.method} {exchange.request.path} served", answer(exchange))


def _opened(exchange: Exchange) -> Judgement:
    yield Examined("alias")
    if not exchange.upgraded:
        yield Deviation(f"101 for an upgrade of {exchange.request.path}", answer(exchange))


def _is_page(exchange: Exchange) -> bool:
    """Whether a success is a page for browsers."""
    start = exchange.body.lstrip()[:15].lower()
    html = exchange.media_type == "text/html" or start.startswith((b"<!doctype html", b"<html"))
    return exchange.succeeded and html


def _unlike(standard: Exchange, alias: Exchange, found: Difference) -> Deviation:
    expected: Any = f"{found.what} as at {standard.request.path}: {found.one}"
    return Deviation(expected, f"{found.other} at {alias.request.path}", exchange=alias)
