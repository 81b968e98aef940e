"""`POST /v1/messages` and `POST /v1/messages/count_tokens` (F5.1 to F5.9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from llmapi_conformance.reference.gateway.access import Access, Denial, admit
from llmapi_conformance.reference.gateway.answers import json_answer, json_bytes
from llmapi_conformance.reference.gateway.bodies import read_object
from llmapi_conformance.reference.gateway.convert.chat_answer import chat_to_message
from llmapi_conformance.reference.gateway.convert.chat_stream import chat_to_messages_stream
from llmapi_conformance.reference.gateway.convert.common import estimated_input
from llmapi_conformance.reference.gateway.convert.gemini_answer import gemini_to_message
from llmapi_conformance.reference.gateway.convert.gemini_request import count_request, messages_to_gemini
from llmapi_conformance.reference.gateway.convert.gemini_stream import gemini_to_messages_stream
from llmapi_conformance.reference.gateway.convert.messages_request import messages_to_chat
from llmapi_conformance.reference.gateway.core import core_of
from llmapi_conformance.reference.gateway.models import owner_of, require_model
from llmapi_conformance.reference.gateway.relay import Pipe, relay_messages, stream_answer, whole_answer
from llmapi_conformance.reference.gateway.streams import MESSAGES_DIALECT
from llmapi_conformance.reference.gateway.tally import Tally
from llmapi_conformance.reference.gateway.upstream_errors import not_understood, refusal_of_failure
from llmapi_conformance.reference.gateway.validation import check_messages

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from llmapi_conformance.reference.gateway.core import Core

_PATH: Final = "/v1/messages"


@dataclass(frozen=True, slots=True)
class MessagesSurface:
    """Messages for some of the groups.

    Attributes:
        calls: Who may ask for a message.
        counts: Who may ask for a token count.
    """

    calls: Access
    counts: Access

    async def create(self, request: Request) -> Response:
        """Answer a Messages request in the protocol of the model's maker, converted where that is another (F5.2)."""
        key = admit(request, self.calls)
        body = await read_object(request)
        check_messages(body)
        require_model(body["model"], key.platform)
        core = core_of(request)
        tally = Tally(core.ledger, key, body["model"])
        owner = owner_of(body["model"], key.platform)
        if owner == "anthropic":
            return await _native(core, body, core.upstream.anthropic_headers(request.headers), tally)
        if owner == "google":
            return await _over_gemini(core, body, tally)
        return await _over_chat(core, body, tally)

    async def count_tokens(self, request: Request) -> Response:
        """Answer a token count; nothing is booked (F5.6)."""
        key = admit(request, self.counts)
        body = await read_object(request)
        check_messages(body, counting=True)
        require_model(body["model"], key.platform)
        core = core_of(request)
        if owner_of(body["model"], key.platform) == "google":
            return await _gemini_count(core, body)
        return await _native_count(core, body, core.upstream.anthropic_headers(request.headers))


async def _native_count(core: Core, body: dict[str, Any], headers: dict[str, str]) -> Response:
    raw, document = await whole_answer(core.upstream.post(f"{_PATH}/count_tokens", body, headers), MESSAGES_DIALECT)
    if not isinstance(document.get("input_tokens"), int):
        raise refusal_of_failure(not_understood(), MESSAGES_DIALECT.family)
    return json_bytes(raw)


async def _gemini_count(core: Core, body: dict[str, Any]) -> Response:
    model = body["model"]
    path, question = f"/v1beta/models/{model}:countTokens", count_request(model, messages_to_gemini(body))
    asked = core.upstream.post(path, question, core.upstream.google_headers())
    _, document = await whole_answer(asked, MESSAGES_DIALECT)
    tokens = document.get("totalTokens", 0)
    if not isinstance(tokens, int):
        raise refusal_of_failure(not_understood(), MESSAGES_DIALECT.family)
    return json_answer({"input_tokens": tokens})


async def _native(core: Core, body: dict[str, Any], headers: dict[str, str], tally: Tally) -> Response:
    if body.get("stream"):
        return await stream_answer(
            core.upstream.open(_PATH, body, headers),
            Pipe(MESSAGES_DIALECT, tally, lambda frames: relay_messages(frames, tally)),
            core.settings.heartbeat_seconds,
        )
    raw, document = await whole_answer(core.upstream.post(_PATH, body, headers), MESSAGES_DIALECT)
    if document.get("type") != "message":
        raise refusal_of_failure(not_understood(), MESSAGES_DIALECT.family)
    tally.see_messages(document.get("usage"))
    tally.book()
    return json_bytes(raw)


async def _over_chat(core: Core, body: dict[str, Any], tally: Tally) -> Response:
    question = messages_to_chat(body)
    headers = core.upstream.openai_headers()
    path = "/v1/chat/completions"
    if body.get("stream"):
        estimate = estimated_input(question)
        return await stream_answer(
            core.upstream.open(path, question, headers),
            Pipe(MESSAGES_DIALECT, tally, lambda frames: chat_to_messages_stream(frames, body, estimate, tally)),
            core.settings.heartbeat_seconds,
        )
    _, document = await whole_answer(core.upstream.post(path, question, headers), MESSAGES_DIALECT)
    message = chat_to_message(document, body)
    if message is None:
        raise refusal_of_failure(not_understood(), MESSAGES_DIALECT.family)
    tally.see_messages(message["usage"])
    tally.book()
    return json_answer(message)


async def _over_gemini(core: Core, body: dict[str, Any], tally: Tally) -> Response:
    model, question = body["model"], messages_to_gemini(body)
    path, headers = f"/v1beta/models/{model}", core.upstream.google_headers()
    if body.get("stream"):
        return await stream_answer(
            core.upstream.open(f"{path}:streamGenerateContent?alt=sse", question, headers),
            Pipe(MESSAGES_DIALECT, tally, lambda frames: gemini_to_messages_stream(frames, model, tally)),
            core.settings.heartbeat_seconds,
        )
    asked = core.upstream.post(f"{path}:generateContent", question, headers)
    _, document = await whole_answer(asked, MESSAGES_DIALECT)
    message = gemini_to_message(document, model)
    if message is None:
        raise refusal_of_failure(not_understood(), MESSAGES_DIALECT.family)
    tally.see_gemini(document.get("usageMetadata"))
    tally.book()
    return json_answer(message)


_SURFACE: Final = MessagesSurface(
    calls=Access(denied={"batch": Denial.FORBIDDEN}),
    counts=Access(denied={"openai": Denial.NO_TOKEN_COUNT, "batch": Denial.FORBIDDEN}),
)
ROUTES: Final = (
    Route(_PATH, _SURFACE.create, methods=["POST"]),
    Route(f"{_PATH}/count_tokens", _SURFACE.count_tokens, methods=["POST"]),
)
