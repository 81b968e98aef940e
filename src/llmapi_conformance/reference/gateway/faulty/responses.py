"""Faults of Responses over HTTP: the Response object, stored responses, requests, what lies below the path."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import Headers

from llmapi_conformance.reference.gateway.auth import presented
from llmapi_conformance.reference.gateway.edge import (
    Seen,
    Whole,
    changing_answers,
    changing_requests,
    changing_streams,
    each_document,
    is_responses,
    object_in,
    whole_body,
    with_body,
)
from llmapi_conformance.reference.gateway.faulty import responses_events
from llmapi_conformance.reference.gateway.faulty.doors import rewriting, with_key
from llmapi_conformance.reference.gateway.faulty.responses_events import as_event, event_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from llmapi_conformance.reference.gateway.core import Core
    from llmapi_conformance.reference.gateway.sse import Frame

    Document = dict[str, Any]
    Wrapper = Callable[[ASGIApp, Core], ASGIApp]

_BELOW: Final = "/v1/responses/"
_KNOWN: Final = frozenset(
    (
        *("model", "input", "instructions", "previous_response_id", "store", "stream", "tools", "tool_choice"),
        *("reasoning", "text", "metadata", "temperature", "top_p", "include", "truncation", "background"),
        *("max_output_tokens", "max_tool_calls", "parallel_tool_calls", "stream_options", "conversation"),
    )
)


def _everywhere(change: Callable[[Document], None]) -> Wrapper:
    """Change each Response object, in streams and out of them."""

    def in_event(event: Document) -> None:
        if isinstance(event.get("response"), dict):
            change(event["response"])

    def in_answer(_seen: Seen, answer: Whole) -> None:
        document = answer.json()
        change(document)
        answer.put(document)

    def wrapped(app: ASGIApp, _core: Core) -> ASGIApp:
        answers = changing_answers(app, lambda seen, status: is_responses(seen) and status == 200, in_answer)
        return changing_streams(answers, is_responses, lambda: each_document(in_event))

    return wrapped


def _requests(change: Callable[[Document], None]) -> Wrapper:
    return lambda app, _core: changing_requests(app, is_responses, change)


def _afresh(app: ASGIApp, core: Core) -> ASGIApp:
    """R13."""

    def forget(body: Document) -> None:
        if core.responses.held(str(body.get("previous_response_id"))) is None:
            body.pop("previous_response_id", None)

    return changing_requests(app, is_responses, forget)


def _cut_told_complete(app: ASGIApp, core: Core) -> ASGIApp:
    """R14."""

    def complete(response: Document) -> None:
        if response.get("status") == "incomplete":
            response |= {"status": "completed", "incomplete_details": None}

    def rename(event: Document) -> None:
        if event["type"] == "response.incomplete":
            event["type"] = "response.completed"

    def named(frame: Frame) -> Iterable[Frame]:
        event = event_of(frame)
        return (as_event(event),) if event else (frame,)

    renamed = changing_streams(_everywhere(complete)(app, core), is_responses, lambda: each_document(rename))
    return changing_streams(renamed, is_responses, lambda: named)


def _wrong_total(response: Document) -> None:
    """R15."""
    if isinstance(response.get("usage"), dict):
        response["usage"]["total_tokens"] = response["usage"]["output_tokens"]


def _no_instructions(body: Document) -> None:
    """R16."""
    body.pop("instructions", None)


def _no_outputs(body: Document) -> None:
    """R17."""
    given = body.get("input")
    for item in given if isinstance(given, list) else ():
        if isinstance(item, dict) and item.get("type") == "function_call_output":
            item["output"] = ""


def _open_below(app: ASGIApp, core: Core) -> ASGIApp:
    """R18."""

    def let_in(scope: Scope) -> Scope:
        bare = scope["path"].startswith(_BELOW) and not presented(Headers(scope=scope))
        return with_key(scope, core.keys["general:openai"].secret) if bare else scope

    return rewriting(app, let_in)


def _page_below(_seen: Seen, answer: Whole) -> None:
    """R19."""
    answer.status = 200
    answer.put_text("<!doctype html><html><body><div id=app></div></body></html>", "text/html; charset=utf-8")


def _undeleted(app: ASGIApp, _core: Core) -> ASGIApp:
    """R20: a DELETE only looks."""

    def pretend(seen: Seen, answer: Whole) -> None:
        answer.put({"id": seen.path.removeprefix(_BELOW), "object": "response", "deleted": True})

    looking = changing_answers(app, lambda seen, status: "was_delete" in seen.scope and status == 200, pretend)

    def look(scope: Scope) -> Scope:
        delete = scope["path"].startswith(_BELOW) and scope["method"] == "DELETE"
        return {**scope, "method": "GET", "was_delete": True} if delete else scope

    return rewriting(looking, look)


def _one_call_id(app: ASGIApp, core: Core) -> ASGIApp:
    """R21."""

    def same(items: Iterable[Document]) -> None:
        for item in items:
            if item.get("type") == "function_call":
                item["call_id"] = "call_1"

    def in_event(event: Document) -> None:
        if isinstance(event.get("item"), dict):
            same((event["item"],))

    everywhere = _everywhere(lambda response: same(response["output"]))(app, core)
    return changing_streams(everywhere, is_responses, lambda: each_document(in_event))


def _no_output(_seen: Seen, answer: Whole) -> None:
    """R24."""
    document = answer.json()
    document.pop("output")
    answer.put(document)


def _in_milliseconds(response: Document) -> None:
    """R25."""
    response["created_at"] *= 1000


def _never_ended(_seen: Seen, answer: Whole) -> None:
    """R26."""
    document = answer.json()
    answer.put(document | {"status": "in_progress"})


def _always_afresh(body: Document) -> None:
    """R27."""
    body.pop("previous_response_id", None)


def _spaced_arguments(response: Document) -> None:
    """R28."""
    for item in response.get("output") or []:
        if item.get("type") == "function_call":
            item["arguments"] = json.dumps(json.loads(item["arguments"]), indent=1)


def _known_members_only(body: Document) -> None:
    """R32."""
    for name in body.keys() - _KNOWN:
        del body[name]


def _too_much_cached(response: Document) -> None:
    """R34."""
    usage = response.get("usage")
    if isinstance(usage, dict):
        usage["input_tokens_details"] = {"cached_tokens": usage["input_tokens"] + 1}


def _anybodys(app: ASGIApp, core: Core) -> ASGIApp:
    """M07: whoever knows the id of a response acts on it as its owner does."""

    async def unguarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            found = scope["path"].removeprefix(_BELOW)
            if is_responses(Seen(scope)):
                body = await whole_body(receive)
                scope, receive = with_body(scope, receive, body)
                found = str(object_in(body).get("previous_response_id"))
            stored = core.responses.held(found)
            shown = set(presented(Headers(scope=scope)))
            if stored is not None and len(shown) == 1 and core.keyring.find(shown.pop()) is not None:
                scope = with_key(scope, stored.owner)
        await app(scope, receive, send)

    return unguarded


def _answers(when: Callable[[Seen, int], bool], change: Callable[[Seen, Whole], None]) -> Wrapper:
    return lambda app, _core: changing_answers(app, when, change)


FAULTS: Final[dict[str, Wrapper]] = {
    **responses_events.FAULTS,
    "M07": _anybodys,
    "R13": _afresh,
    "R14": _cut_told_complete,
    "R15": _everywhere(_wrong_total),
    "R16": _requests(_no_instructions),
    "R17": _requests(_no_outputs),
    "R18": _open_below,
    "R19": _answers(lambda seen, status: seen.path.startswith(_BELOW) and status == 404, _page_below),
    "R20": _undeleted,
    "R21": _one_call_id,
    "R24": _answers(lambda seen, status: is_responses(seen) and status == 200, _no_output),
    "R25": _everywhere(_in_milliseconds),
    "R26": _answers(
        lambda seen, status: seen.path.startswith(_BELOW) and seen.method == "GET" and status == 200, _never_ended
    ),
    "R27": _requests(_always_afresh),
    "R28": _everywhere(_spaced_arguments),
    "R32": _requests(_known_members_only),
    "R34": _everywhere(_too_much_cached),
}
