"""What Gemini's own paths answer: models, answers, token counts (wire-grammars 5.1, 5.2, facts F5.21 to F5.23)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.judging.chat_answer import array, is_whole_number, sent, shown, string
from llmapi_conformance.judging.gemini_answer import (
    COUNTS,
    answer_of,
    candidates_of,
    count,
    error_body,
    model_in_path,
    parts_of,
    pieces,
)
from llmapi_conformance.judging.image_answer import decoded
from llmapi_conformance.judging.message_answer import object_of
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.chat import span_of
from llmapi_conformance.judging.oracles.envelopes import error_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.sse import ServerSentEvent

PLAIN: Final = On(operations=("generateGeminiContent",), mode="plain")
EITHER: Final = On(operations=("generateGeminiContent", "streamGeminiContent"))
LIST: Final = On(operations=("listGeminiModels",), mode="plain")
COUNT: Final = On(operations=("countGeminiTokens",), mode="plain")
_SNAKE: Final = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")
_FREE: Final = ("args", "response", "details")
"""Members whose own members are named by the user or by another protocol."""


@oracle("GEM-M01", on=LIST)
def models_are_listed_by_their_resource_names(exchange: Exchange) -> Judgement:
    """``models`` holds objects whose names begin with ``models/`` (F2.9, G-response)."""
    yield Examined("list")
    body = exchange.json
    if not isinstance(body, dict) or not isinstance(body.get("models"), list):
        yield Deviation('{"models": [...]}', shown(exchange.body[:120].decode("utf-8", "replace")), _opening(exchange))
        return
    for entry in body["models"]:
        yield Examined("model")
        if not string(object_of(entry).get("name")).startswith("models/"):
            yield Deviation("a name that begins with models/", shown(entry), span_of(exchange, "name", "models"))
            return


@oracle("GEM-M02")
def a_listed_model_is_described(exchange: Exchange, name: str) -> Judgement:
    """GET of a listed model answers with that model (G-request)."""
    yield Examined("model")
    told = object_of(exchange.json).get("name")
    if not exchange.succeeded:
        yield Deviation(f"a description of {name}, which is listed", _answer(exchange))
    elif told != name:
        yield Deviation(f"name {shown(name)}", f"name {shown(told)}", span_of(exchange, "name"))


@oracle("GEM-M03")
def an_unknown_model_is_not_found(exchange: Exchange) -> Judgement:
    """A model that nobody has is 404 NOT_FOUND (E-table, defect M08)."""
    yield Examined("request for an unknown model")
    status = error_of(error_body(exchange)).get("status")
    if exchange.status != 404 or status != "NOT_FOUND":
        yield Deviation("404 NOT_FOUND for a model that nobody has", _answer(exchange))


@oracle("GEM-M04")
def listed_models_answer(call: Exchange) -> Judgement:
    """A listed model that supports generateContent answers it (G-response)."""
    yield Examined("listed model")
    if not call.succeeded:
        yield Deviation(f"an answer of {model_in_path(call)}, since the list names it", _answer(call))


@oracle("GEM-P01")
def geminis_own_body_is_served(exchange: Exchange) -> Judgement:
    """``contents`` with parts are answered with a candidate (F5.22)."""
    yield Examined("answer")
    if not exchange.succeeded or answer_of(exchange) is None:
        yield Deviation("an answer with a candidate", _answer(exchange), _opening(exchange))


@oracle("GEM-P02")
def an_image_model_answers_with_an_image(exchange: Exchange) -> Judgement:
    """``inlineData`` with the base64 of an image of its media type (F6.3, F5.22)."""
    yield Examined("answer of an image model")
    found = [part["inlineData"] for _, part in all_parts(exchange) if isinstance(part.get("inlineData"), dict)]
    if not exchange.succeeded or not found:
        yield Deviation("a part with inlineData", _answer(exchange), _opening(exchange))
        return
    for data in found:
        picture = decoded(data.get("data"))
        if picture is None:
            yield Deviation("base64 of an image that decodes", shown(data.get("data")), span_of(exchange, "data"))
        elif string(data.get("mimeType")) != f"image/{picture.format.lower()}":
            wanted = f"mimeType image/{picture.format.lower()}"
            yield Deviation(wanted, f"mimeType {shown(data.get('mimeType'))}", span_of(exchange, "mimeType"))


@oracle("GEM-P03")
def a_content_without_role_is_the_users(exchange: Exchange) -> Judgement:
    """``role`` may be left out of a single turn (oracle M5)."""
    yield Examined("content without role")
    if not exchange.succeeded or answer_of(exchange) is None:
        yield Deviation("an answer, as to a content of the user", _answer(exchange), _opening(exchange))


@oracle("GEM-P04")
def snake_case_means_the_same(exchange: Exchange) -> Judgement:
    """``generation_config.max_output_tokens`` limits the answer like ``maxOutputTokens`` (G-request)."""
    yield Examined("member in snake_case")
    answer = answer_of(exchange)
    if answer is None or answer.finish_reason != "MAX_TOKENS":
        told = f"finishReason {answer.finish_reason}" if answer else _answer(exchange)
        yield Deviation("an answer cut by max_output_tokens, finishReason MAX_TOKENS", told)


@oracle("GEM-P05")
def contents_are_required(exchange: Exchange) -> Judgement:
    """A request without contents is 400 INVALID_ARGUMENT (E-table)."""
    yield Examined("request without contents")
    status = error_of(error_body(exchange)).get("status")
    if exchange.status != 400 or status != "INVALID_ARGUMENT":
        yield Deviation("400 INVALID_ARGUMENT for a request without contents", _answer(exchange))


@oracle("GEM-N01", on=PLAIN)
def candidates_asked_for_are_there(exchange: Exchange) -> Judgement:
    """All candidates, or none and a block reason (G-N1)."""
    body = object_of(exchange.json)
    if not body or "error" in body:
        return
    yield Examined("answer")
    wanted = object_of(sent(exchange).get("generationConfig")).get("candidateCount") or 1
    found = array(body, "candidates")
    if not found and string(object_of(body.get("promptFeedback")).get("blockReason")):
        return
    if len(found) != wanted:
        yield Deviation(
            f"{wanted} candidates, or none and promptFeedback.blockReason",
            f"{len(found)} candidates",
            span_of(exchange, "candidates"),
        )


@oracle("GEM-N02", on=PLAIN)
def each_candidate_says_why_it_ended(exchange: Exchange) -> Judgement:
    """A finish reason in each candidate; STOP where it calls a function (G-N2)."""
    for candidate in candidates_of(object_of(exchange.json)):
        yield Examined("candidate")
        reason = candidate.get("finishReason")
        if not string(reason):
            yield Deviation("finishReason, a word", _told(candidate, "finishReason"), span_of(exchange, "candidates"))
        elif reason != "STOP" and any("functionCall" in part for part in parts_of(candidate)):
            yield Deviation(
                "finishReason STOP, since the answer calls a function",
                f"finishReason {shown(reason)}",
                span_of(exchange, "finishReason"),
            )


@oracle("GEM-N03", on=EITHER)
def the_total_is_the_sum(exchange: Exchange) -> Judgement:
    """``totalTokenCount`` is prompt, candidates, thoughts and tool prompt together (G-N3)."""
    for event, usage in usages_of(exchange):
        if "totalTokenCount" not in usage:
            continue
        yield Examined("totalTokenCount")
        parts = [count(usage, name) for name in COUNTS[:4]]
        if usage["totalTokenCount"] != sum(parts):
            yield Deviation(
                f"totalTokenCount {sum(parts)}, which is {' + '.join(map(str, parts))}",
                f"totalTokenCount {shown(usage['totalTokenCount'])}",
                (event.start, event.end),
            )
            return


@oracle("GEM-N04", on=EITHER)
def cached_tokens_are_among_the_prompts(exchange: Exchange) -> Judgement:
    """``cachedContentTokenCount`` is at most ``promptTokenCount`` (G-N3)."""
    for event, usage in usages_of(exchange):
        if "cachedContentTokenCount" not in usage:
            continue
        yield Examined("cachedContentTokenCount")
        if count(usage, "cachedContentTokenCount") > count(usage, "promptTokenCount"):
            yield Deviation(
                f"at most {count(usage, 'promptTokenCount')} cached tokens, the prompt's",
                f"cachedContentTokenCount {shown(usage['cachedContentTokenCount'])}",
                (event.start, event.end),
            )
            return


@oracle("GEM-N05", on=EITHER)
def the_content_is_the_models(exchange: Exchange) -> Judgement:
    """``content.role`` is model wherever the content has parts (G-N4)."""
    for event, piece in pieces(exchange):
        for candidate in candidates_of(piece):
            if not any(True for _ in parts_of(candidate)):
                continue
            yield Examined("content")
            role = object_of(candidate.get("content")).get("role")
            if role != "model":
                yield Deviation('role "model"', f"role {shown(role)}", (event.start, event.end))
                return


@oracle("GEM-N06", on=EITHER)
def arguments_are_an_object(exchange: Exchange) -> Judgement:
    """``functionCall.args`` is an object, never text (G-N5)."""
    for event, part in all_parts(exchange):
        if not isinstance(part.get("functionCall"), dict) or "args" not in part["functionCall"]:
            continue
        yield Examined("functionCall.args")
        if not isinstance(part["functionCall"]["args"], dict):
            yield Deviation("args, an object", f"args {shown(part['functionCall']['args'])}", (event.start, event.end))


@oracle("GEM-N07", on=EITHER)
def the_answer_names_itself_and_its_model(exchange: Exchange) -> Judgement:
    """``responseId``, and ``modelVersion`` as the model asked for or a version of it (G-N7)."""
    for event, piece in pieces(exchange)[:1]:
        yield Examined("answer")
        if not string(piece.get("responseId")):
            yield Deviation("responseId, a word", _told(piece, "responseId"), (event.start, event.end))
        asked = model_in_path(exchange)
        told = string(piece.get("modelVersion")).removeprefix("models/")
        # An alias such as gemini-flash-latest stands for a version that does not repeat its name.
        known = told == asked or told.startswith(f"{asked}-") or (told and asked.endswith("-latest"))
        if not known:
            yield Deviation(
                f"modelVersion {shown(asked)} or a version of it",
                _told(piece, "modelVersion"),
                (event.start, event.end),
            )


@oracle("GEM-N07")
def response_ids_differ(*exchanges: Exchange) -> Judgement:
    """No two answers have the same ``responseId`` (G-N7, oracle M13)."""
    seen: dict[str, Exchange] = {}
    for exchange in exchanges:
        told = next((string(piece.get("responseId")) for _, piece in pieces(exchange)), "")
        if not told or not exchange.succeeded:
            continue
        yield Examined("responseId")
        if told in seen:
            yield Deviation("a responseId of its own", f"{shown(told)}, like {seen[told].id}", exchange=exchange)
        seen[told] = exchange


@oracle("GEM-N08", on=EITHER)
def members_are_in_lower_camel_case(exchange: Exchange) -> Judgement:
    """The answer names its members like ``finishReason``, never like ``finish_reason`` (G-request)."""
    for event, piece in pieces(exchange):
        yield Examined("names of members")
        found = next((name for name in _names(piece) if _SNAKE.fullmatch(name)), "")
        if found:
            yield Deviation("members in lowerCamelCase", f"{found}", (event.start, event.end))
            return


@oracle("GEM-T01", on=COUNT)
def a_count_is_a_number(exchange: Exchange) -> Judgement:
    """``totalTokens`` is an integer from 0 (G-request)."""
    yield Examined("totalTokens")
    body = object_of(exchange.json)
    # proto3 JSON leaves a zero out
    if not is_whole_number(body.get("totalTokens", 0)) or not isinstance(exchange.json, dict):
        yield Deviation("totalTokens, an integer from 0", _told(body, "totalTokens"), _opening(exchange))


@oracle("GEM-T02")
def a_longer_request_counts_no_less(short: Exchange, long: Exchange) -> Judgement:
    """More contents are not fewer tokens, and ten times as many are more (oracle M17)."""
    counts: list[Any] = [object_of(one.json).get("totalTokens") for one in (short, long)]
    if not all(is_whole_number(number) for number in counts):
        return
    yield Examined("pair of counts")
    if not counts[0] < counts[1]:
        yield Deviation(
            f"more than {counts[0]} tokens for ten times the text", f"totalTokens {counts[1]}", exchange=long
        )


def usages_of(exchange: Exchange) -> Iterator[tuple[ServerSentEvent, dict[str, Any]]]:
    """The usage metadata of every piece that has some."""
    for event, piece in pieces(exchange):
        if isinstance(piece.get("usageMetadata"), dict):
            yield event, piece["usageMetadata"]


def all_parts(exchange: Exchange) -> Iterator[tuple[ServerSentEvent, dict[str, Any]]]:
    """Every part of every candidate of every piece."""
    for event, piece in pieces(exchange):
        for candidate in candidates_of(piece):
            for part in parts_of(candidate):
                yield event, part


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _names(each)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            if name not in _FREE:
                yield from _names(inner)


def _told(value: dict[str, Any], name: str) -> str:
    return f"{name} {shown(value[name])}" if name in value else f"no {name}"


def _answer(exchange: Exchange) -> str:
    return f"status {exchange.status}: {shown(exchange.body[:160].decode('utf-8', 'replace'))}"


def _opening(exchange: Exchange) -> tuple[int, int] | None:
    return (0, min(len(exchange.body), 120)) if exchange.body else None
