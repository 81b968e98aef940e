"""`/v1/responses` and what lies below it, over HTTP (F5.11 to F5.16)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from llmapi_conformance.reference.gateway.access import Access, Denial, admit
from llmapi_conformance.reference.gateway.answers import json_answer, json_bytes
from llmapi_conformance.reference.gateway.bodies import read_object
from llmapi_conformance.reference.gateway.core import core_of
from llmapi_conformance.reference.gateway.models import require_model
from llmapi_conformance.reference.gateway.refusals import Refusal
from llmapi_conformance.reference.gateway.relay import Pipe, stream_answer, whole_answer
from llmapi_conformance.reference.gateway.responses_request import read_turn
from llmapi_conformance.reference.gateway.responses_store import Stored
from llmapi_conformance.reference.gateway.responses_stream import RESPONSES_DIALECT, ResponseStream
from llmapi_conformance.reference.gateway.tally import Tally
from llmapi_conformance.reference.gateway.upstream_errors import not_understood, refusal_of_failure

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from llmapi_conformance.reference.gateway.core import Core
    from llmapi_conformance.reference.gateway.keys import ApiKey
    from llmapi_conformance.reference.gateway.responses_request import Turn

RESPONSES_ACCESS: Final = Access(
    denied={
        "anthropic": Denial.NOT_OFFERED,
        "gemini": Denial.NOT_OFFERED,
        "antigravity": Denial.NOT_OFFERED,
        "batch": Denial.FORBIDDEN,
    }
)
RESPONSES_PATH: Final = "/v1/responses"


async def responses(request: Request) -> Response:
    """Answer `POST /v1/responses`; a GET that asks for no WebSocket is told to upgrade (RFC 9110 section 15.5.22)."""
    key = admit(request, RESPONSES_ACCESS)
    if request.method != "POST":
        raise Refusal(426, "WebSocket upgrade required", headers={"upgrade": "websocket", "connection": "upgrade"})
    core = core_of(request)
    turn, tally = await _asked(request, core, key)
    if turn.body.get("stream"):
        stream = ResponseStream(tally, turn.previous, lambda response: store_turn(core, key, turn, response))
        return await stream_answer(
            core.upstream.open(RESPONSES_PATH, turn.body, core.upstream.openai_headers()),
            Pipe(RESPONSES_DIALECT, tally, stream.relay),
            core.settings.heartbeat_seconds,
        )
    raw, document = await _whole(core, RESPONSES_PATH, turn.body)
    if document.get("object") != "response" or not isinstance(document.get("id"), str):
        raise refusal_of_failure(not_understood(), RESPONSES_DIALECT.family)
    tally.see_responses(document.get("usage"))
    tally.book()
    if turn.previous is not None:
        document["previous_response_id"] = turn.previous
    store_turn(core, key, turn, document)
    return json_bytes(raw) if turn.previous is None else json_answer(document)


async def below(request: Request) -> Response:
    """Answer for a path below `/v1/responses`: a stored response, or one of the operations that are offered."""
    key = admit(request, RESPONSES_ACCESS)
    core = core_of(request)
    path: str = request.path_params["subpath"]
    if request.method == "POST":
        response_id, _, action = path.rpartition("/")
        if action == "cancel" and response_id:
            raise _no_cancel(core, key, response_id)
        if path == "compact":
            return await _compact(request, core, key)
        if path == "input_tokens":
            return await _count(request, core, key)
        raise Refusal(404, "There is no such operation below /v1/responses", code="not_found")
    if request.method == "DELETE":
        if not core.responses.drop(key, path):
            raise _not_found()
        return json_answer({"id": path, "object": "response", "deleted": True})
    return json_answer(_stored(core, key, path).response)


def store_turn(core: Core, key: ApiKey, turn: Turn, response: dict[str, Any]) -> None:
    """Store a response that has ended, if its request wants that."""
    if turn.stores:
        core.responses.keep(stored_turn(key, turn, response))


def stored_turn(key: ApiKey, turn: Turn, response: dict[str, Any]) -> Stored:
    """Return a response that has ended as it is stored."""
    output = response.get("output")
    items = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
    return Stored(key.secret, response, (*turn.conversation, *items))


async def _asked(request: Request, core: Core, key: ApiKey) -> tuple[Turn, Tally]:
    body = await read_object(request)
    turn = read_turn(
        body, lambda response_id: core.responses.find(key, response_id), lambda item: core.responses.item(key, item)
    )
    require_model(body["model"], key.platform)
    return turn, Tally(core.ledger, key, body["model"])


async def _whole(core: Core, path: str, body: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    return await whole_answer(core.upstream.post(path, body, core.upstream.openai_headers()), RESPONSES_DIALECT)


async def _compact(request: Request, core: Core, key: ApiKey) -> Response:
    turn, tally = await _asked(request, core, key)
    raw, document = await _whole(core, f"{RESPONSES_PATH}/compact", turn.body)
    if not isinstance(document.get("output"), list):
        raise refusal_of_failure(not_understood(), RESPONSES_DIALECT.family)
    tally.see_responses(document.get("usage"))
    tally.book()
    return json_bytes(raw)


async def _count(request: Request, core: Core, key: ApiKey) -> Response:
    """Count the tokens of an input; as with Messages (F5.6), nothing is booked."""
    turn, _ = await _asked(request, core, key)
    raw, document = await _whole(core, f"{RESPONSES_PATH}/input_tokens", turn.body)
    if not isinstance(document.get("input_tokens"), int):
        raise refusal_of_failure(not_understood(), RESPONSES_DIALECT.family)
    return json_bytes(raw)


def _no_cancel(core: Core, key: ApiKey, response_id: str) -> Refusal:
    """Every response that is stored has ended, because none runs in the background."""
    _stored(core, key, response_id)
    return Refusal(400, "Only a response that was created with background=true can be cancelled", param="response_id")


def _stored(core: Core, key: ApiKey, response_id: str) -> Stored:
    stored = core.responses.find(key, response_id)
    if stored is None:
        raise _not_found()
    return stored


def _not_found() -> Refusal:
    return Refusal(404, "Response not found", code="not_found")


ROUTES: Final = (
    Route(RESPONSES_PATH, responses, methods=["GET", "POST"]),
    Route(f"{RESPONSES_PATH}/{{subpath:path}}", below, methods=["GET", "POST", "DELETE"]),
)
