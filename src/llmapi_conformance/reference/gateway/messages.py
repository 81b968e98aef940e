"""`POST /v1/messages` and `POST /v1/messages/count_tokens` (F5.1 to F5.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from llmapi_conformance.reference.gateway.access import Access, Denial, admit
from llmapi_conformance.reference.gateway.answers import json_answer, json_bytes
from llmapi_conformance.reference.gateway.bodies import read_object
from llmapi_conformance.reference.gateway.convert.chat_answer import chat_to_message
from llmapi_conformance.reference.gateway.convert.chat_stream import chat_to_messages_stream
from llmapi_conformance.reference.gateway.convert.common import estimated_input
from llmapi_conformance.reference.gateway.convert.messages_request import messages_to_chat
from llmapi_conformance.reference.gateway.core import core_of
from llmapi_conformance.reference.gateway.models import require_model
from llmapi_conformance.reference.gateway.relay import Pipe, relay_messages, stream_answer, whole_answer
from llmapi_conformance.reference.gateway.streams import MESSAGES_DIALECT
from llmapi_conformance.reference.gateway.tally import Tally
from llmapi_conformance.reference.gateway.upstream_errors import not_understood, refusal_of_failure
from llmapi_conformance.reference.gateway.validation import check_messages

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from llmapi_conformance.reference.gateway.core import Core

_ACCESS: Final = Access(
    denied={"gemini": Denial.NOT_OFFERED, "antigravity": Denial.NOT_OFFERED, "batch": Denial.FORBIDDEN}
)
_COUNT_ACCESS: Final = Access(
    denied={
        "openai": Denial.NO_TOKEN_COUNT,
        "gemini": Denial.NOT_OFFERED,
        "antigravity": Denial.NOT_OFFERED,
        "batch": Denial.FORBIDDEN,
    }
)
_PATH: Final = "/v1/messages"


async def messages(request: Request) -> Response:
    """Answer a Messages request: natively for an Anthropic group, over Chat for an OpenAI group (F5.2)."""
    key = admit(request, _ACCESS)
    body = await read_object(request)
    check_messages(body)
    require_model(body["model"], key.platform)
    core = core_of(request)
    tally = Tally(core.ledger, key, body["model"])
    if key.platform == "anthropic":
        return await _native(core, body, core.upstream.anthropic_headers(request.headers), tally)
    return await _over_chat(core, body, tally)


async def count_tokens(request: Request) -> Response:
    """Answer a token count; nothing is booked (F5.6)."""
    key = admit(request, _COUNT_ACCESS)
    body = await read_object(request)
    check_messages(body, counting=True)
    require_model(body["model"], key.platform)
    core = core_of(request)
    headers = core.upstream.anthropic_headers(request.headers)
    raw, document = await whole_answer(core.upstream.post(f"{_PATH}/count_tokens", body, headers), MESSAGES_DIALECT)
    if not isinstance(document.get("input_tokens"), int):
        raise refusal_of_failure(not_understood(), MESSAGES_DIALECT.family)
    return json_bytes(raw)


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


ROUTES: Final = (
    Route("/v1/messages", messages, methods=["POST"]),
    Route("/v1/messages/count_tokens", count_tokens, methods=["POST"]),
)
