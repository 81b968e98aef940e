"""Faults of whole answers: status, headers, envelope, content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.edge import Seen, Whole, changing_answers, is_chat, is_messages
from llmapi_conformance.reference.gateway.models import MODELS, listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from llmapi_conformance.reference.gateway.core import Core
    from llmapi_conformance.reference.gateway.keys import ApiKey

    Wrapper = Callable[[ASGIApp, Core], ASGIApp]

_UPSTREAM_FAILED: Final = (429, 502, 503, 504, 529)
_HTML: Final = "text/html; charset=utf-8"
_COUNT_PATH: Final = "/v1/messages/count_tokens"
_GZIP_FROM: Final = 1024


def _answers(when: Callable[[Seen, int], bool], change: Callable[[Seen, Whole], None]) -> Wrapper:
    return lambda app, _core: changing_answers(app, when, change)


def _leak_upstream(app: ASGIApp, core: Core) -> ASGIApp:
    """M03."""

    def leak(seen: Seen, answer: Whole) -> None:
        document = answer.json()
        url, host = core.settings.upstream_url, core.settings.upstream_url.partition("//")[2]
        if document:
            document["error"]["message"] = (
                f'Post "{url}{seen.path}?key={core.settings.upstream_key}": dial tcp {host}: connect: refused'
            )
            answer.put(document)

    return changing_answers(app, lambda _seen, status: status in (502, 503, 504), leak)


def _unavailable(_seen: Seen, answer: Whole) -> None:
    """M08."""
    if str(_error(answer).get("message", "")).startswith("model: "):
        answer.status = 503
        answer.put({"error": {"message": "Service temporarily unavailable", "type": "api_error"}})


def _claim_success(seen: Seen, answer: Whole) -> None:
    """M09."""
    if not seen.wants_stream() and _error(answer):
        answer.status = 200
        answer.put({"error": _error(answer)})


def _error_in_stream(seen: Seen, answer: Whole) -> None:
    """M10."""
    if seen.wants_stream():
        answer.status = 200
        answer.put_text(
            f"data: {compact({'error': _error(answer)})}\n\ndata: [DONE]\n\n", "text/event-stream; charset=utf-8"
        )


def _openai_envelope(_seen: Seen, answer: Whole) -> None:
    """M11."""
    message = _error(answer).get("message")
    answer.put({"error": {"message": message, "type": "None", "param": "None", "code": str(answer.status)}})


def _list_all(_seen: Seen, answer: Whole) -> None:
    """M32."""
    unique = {model.id: model for models in MODELS.values() for model in models}
    answer.put(listing(tuple(unique.values())))


def _no_retry_after(_seen: Seen, answer: Whole) -> None:
    """M37."""
    if "retry-after" in answer.headers:
        del answer.headers["retry-after"]
    document = answer.json()
    if document:
        document["error"]["type"] = "None"
        answer.put(document)


def _claim_gzip(seen: Seen, answer: Whole) -> None:
    """M40."""
    if "gzip" in seen.headers.get("accept-encoding", "") and len(answer.body) > _GZIP_FROM:
        answer.headers["content-encoding"] = "gzip"


def _count_for_openai(seen: Seen, answer: Whole) -> None:
    """G01."""
    if "Token counting" in str(_error(answer).get("message")):
        answer.status = 200
        answer.put({"input_tokens": -(-len(compact(seen.json())) // 4)})


def _book_counts(app: ASGIApp, core: Core) -> ASGIApp:
    """G02."""

    def book(seen: Seen, answer: Whole) -> None:
        core.ledger.record(_key(seen), str(seen.json().get("model")), answer.json().get("input_tokens", 0), 0)

    return changing_answers(app, lambda seen, status: seen.path == _COUNT_PATH and status == 200, book)


def _book_refusals(app: ASGIApp, core: Core) -> ASGIApp:
    """G04."""

    def book(seen: Seen, _answer: Whole) -> None:
        if "api_key" in seen.scope["state"]:
            core.ledger.record(_key(seen), str(seen.json().get("model")), 10, 1)

    return changing_answers(app, lambda seen, status: seen.method == "POST" and 400 <= status < 500, book)


def _html_404(_seen: Seen, answer: Whole) -> None:
    """E01."""
    answer.status = 404
    answer.put_text("<html><body><h1>404 Not Found</h1></body></html>", _HTML)


def _second_document(_seen: Seen, answer: Whole) -> None:
    """E02."""
    answer.body += b"\n" + answer.body


def _welcome(_seen: Seen, answer: Whole) -> None:
    """E03."""
    if "no such endpoint" in str(_error(answer).get("message")):
        answer.status = 200
        answer.put_text("<!doctype html><html><body><div id=app></div></body></html>", _HTML)


def _crash(seen: Seen, answer: Whole) -> None:
    """E04."""
    if bytes(seen.body).lstrip()[:1] == b"[":
        answer.status = 500
        answer.put_text("Internal Server Error", "text/plain; charset=utf-8")


def _as_html(_seen: Seen, answer: Whole) -> None:
    """E05."""
    answer.headers["content-type"] = _HTML


def _wrong_total(_seen: Seen, answer: Whole) -> None:
    """C03, the part without stream."""
    document = answer.json()
    if isinstance(document.get("usage"), dict):
        document["usage"]["total_tokens"] = document["usage"].get("completion_tokens", 0)
        answer.put(document)


def _list_twice(_seen: Seen, answer: Whole) -> None:
    """L01."""
    document = answer.json()
    document["data"] = document["data"] * 2
    answer.put(document)


def _error(answer: Whole) -> dict[str, Any]:
    error = answer.json().get("error")
    return error if isinstance(error, dict) else {}


def _key(seen: Seen) -> ApiKey:
    key: ApiKey = seen.scope["state"]["api_key"]
    return key


def _is_listing(seen: Seen, status: int) -> bool:
    return seen.path == "/v1/models" and seen.method == "GET" and status == 200


def wrong_totals(app: ASGIApp) -> ASGIApp:
    """C03 for whole answers."""
    return changing_answers(app, lambda seen, status: is_chat(seen) and status == 200, _wrong_total)


FAULTS: Final[dict[str, Wrapper]] = {
    "M03": _leak_upstream,
    "M08": _answers(lambda seen, status: seen.method == "POST" and status == 404, _unavailable),
    "M09": _answers(lambda _seen, status: status in _UPSTREAM_FAILED, _claim_success),
    "M10": _answers(lambda _seen, status: status == 400, _error_in_stream),
    "M11": _answers(lambda seen, status: is_messages(seen) and status >= 400, _openai_envelope),
    "M32": _answers(_is_listing, _list_all),
    "M37": _answers(lambda _seen, status: status == 429, _no_retry_after),
    "M40": _answers(lambda _seen, _status: True, _claim_gzip),
    "G01": _answers(lambda seen, status: seen.path == _COUNT_PATH and status == 404, _count_for_openai),
    "G02": _book_counts,
    "G04": _book_refusals,
    "E01": _answers(lambda _seen, status: status == 405, _html_404),
    "E02": _answers(lambda _seen, status: status in (400, 502), _second_document),
    "E03": _answers(lambda _seen, status: status == 404, _welcome),
    "E04": _answers(lambda _seen, status: status == 400, _crash),
    "E05": _answers(lambda _seen, status: status == 400, _as_html),
    "L01": _answers(_is_listing, _list_twice),
}
