"""Faults of images within the request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import Headers

from llmapi_conformance.reference.gateway.auth import presented
from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.edge import (
    Seen,
    Whole,
    changing_answers,
    changing_streams,
    each_document,
    is_images,
    object_in,
    whole_body,
    with_body,
)
from llmapi_conformance.reference.gateway.faulty.doors import rewriting, with_key
from llmapi_conformance.reference.gateway.sse import Frame, ServerEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from llmapi_conformance.reference.gateway.core import Core
    from llmapi_conformance.reference.gateway.keys import ApiKey

    Wrapper = Callable[[ASGIApp, Core], ASGIApp]

_ONE_SIZE: Final = "1024x1024"
_NOT_IMAGES: Final = "images endpoint requires an image model"
_LOOKS: Final = ("output_format", "output_compression", "background", "quality")


def _requests(change: Callable[[dict[str, Any]], None], form: Callable[[bytes], bytes] = bytes) -> Wrapper:
    """Change requests for images: the JSON object in place, or the bytes of a form."""

    def wrap(app: ASGIApp, _core: Core) -> ASGIApp:
        async def changed(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and is_images(Seen(scope)):
                body = await whole_body(receive)
                document = object_in(body)
                change(document)
                scope, receive = with_body(scope, receive, compact(document).encode() if document else form(body))
            await app(scope, receive, send)

        return changed

    return wrap


def _answers(status: Callable[[int], bool], change: Callable[[Seen, Whole], None]) -> Wrapper:
    return lambda app, _core: changing_answers(app, lambda seen, code: is_images(seen) and status(code), change)


def _field(name: str, value: str) -> Callable[[bytes], bytes]:
    """Give a field of a form another value, if it is there."""
    pattern = re.compile(rf'(name="{name}"\r\n(?:[^\r]+\r\n)*\r\n)[^\r]*'.encode())
    return lambda body: pattern.sub(rb"\g<1>" + value.encode(), body)


def _one_size(body: dict[str, Any]) -> None:
    """M33."""
    if "size" in body:
        body["size"] = _ONE_SIZE


def _let_in(wanted: Callable[[ApiKey], bool]) -> Wrapper:
    """I01, I02: some more keys are served like one of an OpenAI group."""

    def wrap(app: ASGIApp, core: Core) -> ASGIApp:
        def swap(scope: Scope) -> Scope:
            shown = presented(Headers(scope=scope))
            key = core.keyring.find(shown[0]) if len(set(shown)) == 1 else None
            open_door = key is not None and is_images(Seen(scope)) and wanted(key)
            return with_key(scope, core.keys["general:openai"].secret) if open_door else scope

        return rewriting(app, swap)

    return wrap


def _one_only(body: dict[str, Any]) -> None:
    """I03."""
    if isinstance(body.get("n"), int) and body["n"] > 0:
        body["n"] = 1


def _data_urls(_seen: Seen, answer: Whole) -> None:
    """I04."""
    document = answer.json()
    for item in document.get("data") or []:
        if "b64_json" in item:
            item["b64_json"] = f"data:image/png;base64,{item['b64_json']}"
    answer.put(document)


def _book_refusals(app: ASGIApp, core: Core) -> ASGIApp:
    """I05."""

    def book(seen: Seen, _answer: Whole) -> None:
        if "api_key" in seen.scope["state"]:
            core.ledger.record(seen.scope["state"]["api_key"], "gpt-image-2", 10, 1000)

    return changing_answers(app, lambda seen, status: is_images(seen) and 400 <= status < 500, book)


def _links(seen: Seen, answer: Whole) -> None:
    """I06."""
    document = answer.json()
    if b"b64_json" not in seen.body:
        return
    for index, item in enumerate(document.get("data") or []):
        if item.pop("b64_json", None) is not None:
            item["url"] = f"https://images.example/{document.get('created')}-{index}.png"
    answer.put(document)


def _no_brackets(body: bytes) -> bytes:
    """I07."""
    return body.replace(b'name="image[]"', b'name="images"')


def _files_as_text(body: bytes) -> bytes:
    """I08."""
    return body.decode("utf-8", errors="replace").encode()


def _named_model(seen: Seen, answer: Whole) -> None:
    """I09."""
    error = answer.json().get("error") or {}
    if error.get("message") == _NOT_IMAGES:
        answer.put({"error": {**error, "message": f'{_NOT_IMAGES}, got "{seen.json().get("model")}"'}})


def _anthropic_envelope(_seen: Seen, answer: Whole) -> None:
    """I10."""
    answer.put({"type": "error", **answer.json()})


def _file_ids(body: dict[str, Any]) -> None:
    """I11."""
    for reference in (*(body.get("images") or ()), body.get("mask")):
        if isinstance(reference, dict) and "file_id" in reference:
            reference["image_url"] = f"https://files.example/{reference.pop('file_id')}"


def _index_zero(event: dict[str, Any]) -> None:
    """I12."""
    if "partial_image_index" in event:
        event["partial_image_index"] = 0


def _always_generation(frame: Frame) -> Iterable[Frame]:
    """I13."""
    if not isinstance(frame, ServerEvent) or frame.event is None:
        return (frame,)
    names = ("image_edit.", "image_generation.")
    return (ServerEvent(frame.data.replace(*names), frame.event.replace(*names)),)


def _done_at_end(frame: Frame) -> Iterable[Frame]:
    """I14."""
    completed = isinstance(frame, ServerEvent) and str(frame.event).endswith(".completed")
    return (frame, ServerEvent("[DONE]")) if completed else (frame,)


def _usual_looks(body: dict[str, Any]) -> None:
    """I15."""
    for name in _LOOKS:
        body.pop(name, None)


def _wrong_total(_seen: Seen, answer: Whole) -> None:
    """I16."""
    document = answer.json()
    if isinstance(document.get("usage"), dict):
        document["usage"]["total_tokens"] = document["usage"].get("output_tokens")
        answer.put(document)


def _some_prompt(body: dict[str, Any]) -> None:
    """I17."""
    if body.get("prompt") in (None, ""):
        body["prompt"] = "a picture"


def _at_least_one(body: dict[str, Any]) -> None:
    """I18."""
    count = body.get("n")
    if isinstance(count, int) and not isinstance(count, bool) and count < 1:
        body["n"] = 1


def _other_words(_seen: Seen, answer: Whole) -> None:
    """I19."""
    answer.status = 403
    answer.put({"error": {"type": "permission_error", "message": "This platform has no images"}})


def _texts_mended(body: dict[str, Any]) -> None:
    """I20."""
    for name in ("prompt", "size"):
        if isinstance(body.get(name), int):
            body[name] = "64x64" if name == "size" else str(body[name])
    if isinstance(body.get("n"), str):
        body["n"] = int(body["n"]) if body["n"].isdecimal() else 1
    if "stream" in body:
        body["stream"] = body["stream"] in (True, "true")


def _model_needed(body: dict[str, Any]) -> None:
    """I21."""
    body.setdefault("model", "")


def _two_by_default(body: dict[str, Any]) -> None:
    """I22."""
    body.setdefault("n", 2)


def _milliseconds(_seen: Seen, answer: Whole) -> None:
    """I23."""
    document = answer.json()
    if isinstance(document.get("created"), int):
        document["created"] *= 1000
    answer.put(document)


def _no_streams(body: dict[str, Any]) -> None:
    """I24."""
    body.pop("stream", None)
    body.pop("partial_images", None)


def _own_times() -> Callable[[Frame], Iterable[Frame]]:
    """I25."""
    later = 0

    def change(event: dict[str, Any]) -> None:
        nonlocal later
        if "created_at" in event:
            event["created_at"] += later
            later += 1

    return each_document(change)


def _no_mask(body: dict[str, Any]) -> None:
    """I26."""
    body.pop("mask", None)


def _unknown_form(body: bytes) -> bytes:
    """I27: all but the first of the files named image are lost."""
    first, found, rest = body.partition(b'name="image"')
    return first + found + rest.replace(b'name="image"', b'name="more"')


def _streams(new_change: Callable[[], Callable[[Frame], Iterable[Frame]]]) -> Wrapper:
    return lambda app, _core: changing_streams(app, is_images, new_change)


def _served(status: int) -> bool:
    return status == 200


def _refused(status: int) -> bool:
    return status >= 400


FAULTS: Final[dict[str, Wrapper]] = {
    "M33": _requests(_one_size, _field("size", _ONE_SIZE)),
    "I01": _let_in(lambda key: key.platform in ("anthropic", "gemini", "antigravity") and key.role.condition is None),
    "I02": _let_in(lambda key: key.role.condition == "no_images"),
    "I03": _requests(_one_only, _field("n", "1")),
    "I04": _answers(_served, _data_urls),
    "I05": _book_refusals,
    "I06": _answers(_served, _links),
    "I07": _requests(lambda _body: None, _no_brackets),
    "I08": _requests(lambda _body: None, _files_as_text),
    "I09": _answers(_refused, _named_model),
    "I10": _answers(lambda status: _refused(status) and status != 401, _anthropic_envelope),
    "I11": _requests(_file_ids),
    "I12": _streams(lambda: each_document(_index_zero)),
    "I13": _streams(lambda: _always_generation),
    "I14": _streams(lambda: _done_at_end),
    "I15": _requests(_usual_looks),
    "I16": _answers(_served, _wrong_total),
    "I17": _requests(_some_prompt),
    "I18": _requests(_at_least_one),
    "I20": _requests(_texts_mended),
    "I21": _requests(_model_needed),
    "I22": _requests(_two_by_default),
    "I23": _answers(_served, _milliseconds),
    "I24": _requests(_no_streams),
    "I25": _streams(_own_times),
    "I26": _requests(_no_mask, lambda body: body.replace(b'name="mask"', b'name="masque"')),
    "I27": _requests(lambda _body: None, _unknown_form),
    "I19": _answers(lambda status: status == 404, _other_words),
}
