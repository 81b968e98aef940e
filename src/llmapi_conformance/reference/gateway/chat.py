"""`POST /v1/chat/completions` (F5.17 to F5.19)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from llmapi_conformance.reference.gateway.access import Access, Denial, admit
from llmapi_conformance.reference.gateway.answers import json_answer, json_bytes
from llmapi_conformance.reference.gateway.bodies import read_object
from llmapi_conformance.reference.gateway.convert.chat_request import chat_to_messages
from llmapi_conformance.reference.gateway.convert.gemini_answer import gemini_to_message
from llmapi_conformance.reference.gateway.convert.gemini_request import chat_to_gemini
from llmapi_conformance.reference.gateway.convert.gemini_stream import gemini_to_messages_stream
from llmapi_conformance.reference.gateway.convert.messages_answer import message_to_chat
from llmapi_conformance.reference.gateway.convert.messages_stream import messages_to_chat_stream
from llmapi_conformance.reference.gateway.core import core_of
from llmapi_conformance.reference.gateway.models import owner_of, require_model
from llmapi_conformance.reference.gateway.relay import Pipe, relay_chat, stream_answer, whole_answer
from llmapi_conformance.reference.gateway.streams import CHAT_DIALECT
from llmapi_conformance.reference.gateway.tally import Tally
from llmapi_conformance.reference.gateway.upstream_errors import not_understood, refusal_of_failure
from llmapi_conformance.reference.gateway.validation import check_chat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from llmapi_conformance.reference.gateway.core import Core

_ACCESS: Final = Access(denied={"batch": Denial.FORBIDDEN})


async def chat_completions(request: Request) -> Response:
    """Answer a Chat request in the protocol of the model's maker, converted where that is another (F5.17)."""
    key = admit(request, _ACCESS)
    body = await read_object(request)
    check_chat(body)
    require_model(body["model"], key.platform)
    core = core_of(request)
    tally = Tally(core.ledger, key, body["model"])
    owner = owner_of(body["model"], key.platform)
    if owner == "openai":
        return await _native(core, body, tally)
    if owner == "google":
        return await _over_gemini(core, body, tally)
    return await _over_messages(core, body, core.upstream.anthropic_headers({}), tally)


async def _native(core: Core, body: dict[str, Any], tally: Tally) -> Response:
    path, headers = "/v1/chat/completions", core.upstream.openai_headers()
    if body.get("stream"):
        question = body | {"stream_options": {**(body.get("stream_options") or {}), "include_usage": True}}
        asked = wants_usage(body)
        return await stream_answer(
            core.upstream.open(path, question, headers),
            Pipe(CHAT_DIALECT, tally, lambda frames: relay_chat(frames, tally, with_usage=asked)),
            core.settings.heartbeat_seconds,
        )
    raw, document = await whole_answer(core.upstream.post(path, body, headers), CHAT_DIALECT)
    if not isinstance(document.get("choices"), list):
        raise refusal_of_failure(not_understood(), CHAT_DIALECT.family)
    tally.see_chat(document.get("usage"))
    tally.book()
    return json_bytes(raw)


async def _over_messages(core: Core, body: dict[str, Any], headers: dict[str, str], tally: Tally) -> Response:
    path, question = "/v1/messages", chat_to_messages(body)
    if body.get("stream"):
        asked = wants_usage(body)
        return await stream_answer(
            core.upstream.open(path, question, headers),
            Pipe(
                CHAT_DIALECT,
                tally,
                lambda frames: messages_to_chat_stream(frames, body["model"], tally, with_usage=asked),
            ),
            core.settings.heartbeat_seconds,
        )
    _, document = await whole_answer(core.upstream.post(path, question, headers), CHAT_DIALECT)
    completion = message_to_chat(document, body["model"])
    if completion is None:
        raise refusal_of_failure(not_understood(), CHAT_DIALECT.family)
    tally.see_messages(document.get("usage"))
    tally.book()
    return json_answer(completion)


async def _over_gemini(core: Core, body: dict[str, Any], tally: Tally) -> Response:
    model, question = body["model"], chat_to_gemini(body)
    path, headers = f"/v1beta/models/{model}", core.upstream.google_headers()
    if body.get("stream"):
        asked = wants_usage(body)
        return await stream_answer(
            core.upstream.open(f"{path}:streamGenerateContent?alt=sse", question, headers),
            Pipe(
                CHAT_DIALECT,
                tally,
                lambda frames: messages_to_chat_stream(
                    gemini_to_messages_stream(frames, model, tally), model, tally, with_usage=asked
                ),
            ),
            core.settings.heartbeat_seconds,
        )
    _, document = await whole_answer(core.upstream.post(f"{path}:generateContent", question, headers), CHAT_DIALECT)
    message = gemini_to_message(document, model)
    completion = message_to_chat(message, model) if message is not None else None
    if completion is None:
        raise refusal_of_failure(not_understood(), CHAT_DIALECT.family)
    tally.see_gemini(document.get("usageMetadata"))
    tally.book()
    return json_answer(completion)


def wants_usage(body: Mapping[str, Any]) -> bool:
    """Whether a streaming client asked for the usage chunk."""
    return (body.get("stream_options") or {}).get("include_usage") is True


ROUTES: Final = (Route("/v1/chat/completions", chat_completions, methods=["POST"]),)
