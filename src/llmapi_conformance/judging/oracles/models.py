"""The list of models and what it is worth (facts F5.20, F2.7)."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.judging.chat_answer import array, shown, string
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.chat import is_unix_time, span_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llmapi_conformance.evidence.exchange import Exchange

LIST: Final = On(operations=("listModels",), mode="plain")
_UUID: Final = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
_INNER_MEMBERS: Final = (
    "group_id",
    "group",
    "groups",
    "account_id",
    "account_ids",
    "accounts",
    "channel_id",
    "upstream",
)


@oracle("MOD-D01")
def general_key_gets_the_list(exchange: Exchange) -> Judgement:
    """A general key may list models (facts F5.20, F2.3)."""
    yield Examined("answer")
    if not exchange.succeeded:
        yield Deviation("a list of models", f"status {exchange.status}", _opening(exchange))


@oracle("MOD-D02")
def listed_models_can_be_called(exchange: Exchange, calls: Mapping[str, Exchange]) -> Judgement:
    """Each listed model answers the key that asked for the list (fact F5.20, defect M32)."""
    for model, call in calls.items():
        if not call.answered:
            continue
        yield Examined("model")
        if not call.succeeded:
            named = b'"%s"' % model.encode("utf-8", "surrogatepass")
            found = exchange.body.find(named)
            yield Deviation(
                f"an answer of {model}, since the list names it",
                f"status {call.status}: {shown(call.body[:200].decode('utf-8', 'replace'))}",
                (found, found + len(named)) if found >= 0 else None,
                exchange,
            )


@oracle("MOD-D03")
def known_models_are_listed(exchange: Exchange, known: Sequence[str]) -> Judgement:
    """What the target file says that the key is served with stands in the list (fact F5.20)."""
    listed = model_ids(exchange)
    if not listed:
        return
    for model in known:
        yield Examined("model")
        if model not in listed:
            yield Deviation(f"{model} in the list", f"a list of {len(listed)} models without it", _opening(exchange))


@oracle("MOD-S01", on=LIST)
def list_is_an_array_of_models(exchange: Exchange) -> Judgement:
    """``data`` is an array of objects with an id (A-headers)."""
    body = exchange.json
    if isinstance(body, dict) and isinstance(body.get("models"), list) and _asks_like_google(exchange):
        return  # Google's list, for Google's clients
    yield Examined("list")
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        yield Deviation('{"data": [...]}', shown(exchange.body[:120].decode("utf-8", "replace")), _opening(exchange))
        return
    for entry in body["data"]:
        yield Examined("model")
        if not isinstance(entry, dict) or not string(entry.get("id")):
            yield Deviation("an object with an id that is a string", shown(entry), span_of(exchange, "data"))


@oracle("MOD-S02", on=LIST)
def list_says_that_it_is_one(exchange: Exchange) -> Judgement:
    """``object`` is list."""
    if not entries_of(exchange) or _asks_like_anthropic(exchange):
        return
    yield Examined("list")
    told = exchange.json.get("object")
    if told != "list":
        yield Deviation('object "list"', f"object {shown(told)}", span_of(exchange, "object"))


@oracle("MOD-S03", on=LIST)
def models_are_listed_once(exchange: Exchange) -> Judgement:
    """No id stands in the list twice."""
    ids = model_ids(exchange)
    if not ids:
        return
    yield Examined("model", len(ids))
    for model, times in Counter(ids).items():
        if times > 1:
            yield Deviation(f"{model} once", f"{times} times", _opening(exchange))


@oracle("MOD-S04")
def working_key_has_a_model(exchange: Exchange) -> Judgement:
    """A key that is served with text has a model in its list."""
    if not exchange.succeeded or not isinstance(exchange.json, dict):
        return
    yield Examined("list")
    if not model_ids(exchange):
        yield Deviation("at least one model", "none", _opening(exchange))


@oracle("MOD-S05")
def openai_models_are_written_like_openais(exchange: Exchange) -> Judgement:
    """Each model has object, created and owned_by."""
    for entry in entries_of(exchange):
        yield Examined("model")
        told = {name: entry.get(name) for name in ("object", "created", "owned_by")}
        if told["object"] != "model" or not _is_time(told["created"]) or not isinstance(told["owned_by"], str):
            yield Deviation(
                'object "model", created in Unix seconds and owned_by', shown(told), span_of(exchange, "data")
            )
            return


@oracle("MOD-S06")
def anthropic_models_are_written_like_anthropics(exchange: Exchange) -> Judgement:
    """Each model has type, display_name and created_at; the list says whether there are more (A-headers)."""
    entries = list(entries_of(exchange))
    if not entries:
        return
    yield Examined("list")
    if not isinstance(exchange.json.get("has_more"), bool):
        yield Deviation("has_more, true or false", shown(exchange.json.get("has_more")), span_of(exchange, "has_more"))
    for entry in entries:
        yield Examined("model")
        told = {name: entry.get(name) for name in ("type", "display_name", "created_at")}
        if told["type"] != "model" or not string(told["display_name"]) or not string(told["created_at"]):
            yield Deviation('type "model", display_name and created_at', shown(told), span_of(exchange, "data"))
            return


@oracle("MOD-S07", on=LIST)
def list_tells_nothing_of_what_is_behind(exchange: Exchange) -> Judgement:
    """No UUID and no member about groups, accounts or channels (CWE-200)."""
    for entry in entries_of(exchange):
        yield Examined("model")
        inner = [name for name in _INNER_MEMBERS if entry.get(name)]
        found = next((text for text in _texts(entry) if _UUID.search(text)), "")
        if inner or found:
            yield Deviation(
                "a model without ids of groups or accounts",
                f"{inner[0]} {shown(entry[inner[0]])}" if inner else shown(found),
                span_of(exchange, *inner, "data"),
            )
            return


@oracle("MOD-K01")
def list_is_the_same_under_every_header(usual: Exchange, *others: Exchange) -> Judgement:
    """The header that carries the key does not change the list (oracle M3)."""
    yield from _same_models(usual, others, "as with the key in Authorization")


@oracle("MOD-K02")
def list_is_the_same_for_other_vendors_clients(usual: Exchange, *others: Exchange) -> Judgement:
    """``?limit=1000`` and anthropic-version are no reason for other models (A-headers)."""
    for other in others:
        if other.answered and not other.succeeded:
            yield Examined("list")
            yield Deviation("a list of models", f"status {other.status}", _opening(other), other)
    yield from _same_models(usual, others, "as without the query and the header")


def entries_of(exchange: Exchange) -> tuple[dict[str, Any], ...]:
    """The models of a list that are objects."""
    return tuple(entry for entry in array(exchange.json, "data") if isinstance(entry, dict))


def model_ids(exchange: Exchange) -> tuple[str, ...]:
    """The ids of a list, in order; Google's list, which a client with x-goog-api-key may get, counts too."""
    google = [string(entry.get("name")) for entry in array(exchange.json, "models") if isinstance(entry, dict)]
    ids = [string(entry.get("id")) for entry in entries_of(exchange)]
    return tuple(model for model in (*ids, *(name.removeprefix("models/") for name in google)) if model)


def _same_models(usual: Exchange, others: Sequence[Exchange], why: str) -> Judgement:
    wanted = set(model_ids(usual))
    if not wanted:
        return
    for other in others:
        if not other.succeeded:
            continue
        yield Examined("list")
        found = set(model_ids(other))
        if found != wanted:
            yield Deviation(f"{shown(sorted(wanted))}, {why}", shown(sorted(found)), _opening(other), other)


def _asks_like_anthropic(exchange: Exchange) -> bool:
    return any(name.lower() == "anthropic-version" for name, _ in exchange.request.headers)


def _asks_like_google(exchange: Exchange) -> bool:
    return any(name.lower() == "x-goog-api-key" for name, _ in exchange.request.headers)


def _is_time(value: Any) -> bool:
    return is_unix_time(value) or (value == 0 and not isinstance(value, bool))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from _texts(each)


def _opening(exchange: Exchange) -> tuple[int, int] | None:
    return (0, min(len(exchange.body), 120)) if exchange.body else None
