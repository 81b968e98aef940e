"""The paths of OpenAI Responses: create, retrieve, delete, cancel, count the input, compact it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from llmapi_conformance.reference.upstream.answers import whole
from llmapi_conformance.reference.upstream.documents import read_document, write_document
from llmapi_conformance.reference.upstream.errors import ApiError
from llmapi_conformance.reference.upstream.generation import answer_question
from llmapi_conformance.reference.upstream.messages_request import sign
from llmapi_conformance.reference.upstream.responses import FINAL_EVENTS, RESPONSES
from llmapi_conformance.reference.upstream.responses_request import Turn, read_input, read_responses
from llmapi_conformance.reference.upstream.responses_store import ResponseStore, StoredResponse
from llmapi_conformance.reference.upstream.vendors import new_id

if TYPE_CHECKING:
    from llmapi_conformance.reference.upstream.answers import Answer
    from llmapi_conformance.reference.upstream.endpoint import Request
    from llmapi_conformance.reference.upstream.script import Question


def create_response(request: Request) -> Answer:
    """Answer `POST /v1/responses`.

    Raises:
        ApiError: The request is refused.
    """
    question = read_responses(read_document(request.body), request)
    answer = answer_question(RESPONSES, request, question)
    keep_response(request.responses, question, answer)
    return answer


def keep_response(store: ResponseStore, question: Question, answer: Answer) -> None:
    """Keep the response of an answer, if it is complete and to be stored.

    A connection keeps what is not to be stored too: its store is its memory.
    """
    document = answer.frames[-1].document if answer.frames and answer.status == 200 else None
    if document is not None and document.get("type") in FINAL_EVENTS:
        document = document["response"]
    if document is not None and document.get("object") == "response" and (document["store"] or store.is_a_connections):
        turn: Turn = question.details
        store.keep(StoredResponse(document, (*turn.conversation, *document["output"])))


def retrieve_response(request: Request) -> Answer:
    """Answer `GET /v1/responses/{id}`.

    Raises:
        ApiError: 404, there is no such response.
    """
    return whole(_stored(request, _id(request)).response)


def delete_response(request: Request) -> Answer:
    """Answer `DELETE /v1/responses/{id}`.

    Raises:
        ApiError: 404, there is no such response.
    """
    response_id = _id(request)
    _stored(request, response_id)
    request.responses.forget(response_id)
    return whole({"id": response_id, "object": "response", "deleted": True})


def cancel_response(request: Request) -> Answer:
    """Answer `POST /v1/responses/{id}/cancel`, which only a response in the background can have; we make none.

    Raises:
        ApiError: 404, there is no such response; 400, it is not in the background.
    """
    _stored(request, request.entry.path.split("/")[-2])
    raise ApiError(400, "Cannot cancel a synchronous response.")


def count_input(request: Request) -> Answer:
    """Answer `POST /v1/responses/input_tokens`.

    Raises:
        ApiError: The request is refused.
    """
    _, tokens, _ = read_input(read_document(request.body), request)
    return whole({"object": "response.input_tokens", "input_tokens": tokens})


def compact_input(request: Request) -> Answer:
    """Answer `POST /v1/responses/compact`: the user's messages stay, the rest becomes one opaque item.

    Raises:
        ApiError: The request is refused.
    """
    _, tokens, conversation = read_input(read_document(request.body), request)
    kept = [item for item in conversation if item.get("type", "message") == "message" and item["role"] == "user"]
    dropped = [item for item in conversation if item not in kept]
    seal = sign(write_document(dropped).decode())
    compaction: dict[str, Any] = {"id": new_id("cmp_"), "type": "compaction", "encrypted_content": seal}
    return whole(
        {
            "id": new_id("resp_"),
            "object": "response.compaction",
            "created_at": int(time.time()),
            "output": [*kept, compaction],
            "usage": {
                "input_tokens": tokens,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": len(seal) // 4,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": tokens + len(seal) // 4,
            },
        }
    )


def _id(request: Request) -> str:
    return request.entry.path.rpartition("/")[2]


def _stored(request: Request, response_id: str) -> StoredResponse:
    stored = request.responses.find(response_id)
    if stored is None:
        raise ApiError(404, f"Response with id '{response_id}' not found.")
    return stored
