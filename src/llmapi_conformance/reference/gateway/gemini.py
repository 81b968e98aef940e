"""Gemini native: `/v1beta/models` and below (F5.21, F5.22)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Route

from llmapi_conformance.reference.gateway.access import Access, Denial, admit
from llmapi_conformance.reference.gateway.answers import json_answer, json_bytes
from llmapi_conformance.reference.gateway.bodies import read_object
from llmapi_conformance.reference.gateway.core import core_of
from llmapi_conformance.reference.gateway.gemini_body import check_content_request, check_count_request
from llmapi_conformance.reference.gateway.gemini_stream import relay_gemini
from llmapi_conformance.reference.gateway.models import MODELS, require_model
from llmapi_conformance.reference.gateway.refusals import unknown_model, wrong_field
from llmapi_conformance.reference.gateway.relay import Pipe, stream_answer, whole_answer
from llmapi_conformance.reference.gateway.streams import GEMINI_ARRAY_DIALECT, GEMINI_DIALECT
from llmapi_conformance.reference.gateway.tally import Tally
from llmapi_conformance.reference.gateway.upstream_errors import not_understood, refusal_of_failure

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from llmapi_conformance.reference.gateway.keys import Platform
    from llmapi_conformance.reference.gateway.models import Model

_PAGE: Final = 50
_LONGEST_PAGE: Final = 1000
_METHODS: Final = ("generateContent", "streamGenerateContent", "countTokens")


class _ModelName(Convertor[str]):
    """A step of a path up to the colon that separates a model from what is asked of it."""

    regex = "[^/:]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("gemini_model", _ModelName())


@dataclass(frozen=True, slots=True)
class Surface:
    """The Gemini surface of one platform.

    Attributes:
        listing: Who may read the models.
        calls: Who may ask for content or a count.
    """

    listing: Access
    calls: Access

    async def list_models(self, request: Request) -> Response:
        """Answer with a page of the group's models."""
        key = admit(request, self.listing)
        models = MODELS[key.platform]
        size, start = _page(request, models)
        document: dict[str, Any] = {"models": [_described(model) for model in models[start : start + size]]}
        if start + size < len(models):
            document["nextPageToken"] = models[start + size - 1].id
        return json_answer(document)

    async def get_model(self, request: Request) -> Response:
        """Describe one model of the group."""
        key = admit(request, self.listing)
        name = request.path_params["model"]
        for model in MODELS[key.platform]:
            if model.id == name:
                return json_answer(_described(model))
        raise unknown_model(name)

    async def generate(self, request: Request) -> Response:
        """Answer a request for content as a whole."""
        tally, path, body = await self._asked(request)
        core = core_of(request)
        asked = core.upstream.post(f"{path}:generateContent", body, core.upstream.google_headers())
        raw, document = await whole_answer(asked, GEMINI_DIALECT)
        if not isinstance(document.get("candidates") or document.get("promptFeedback"), list | dict):
            raise refusal_of_failure(not_understood(), GEMINI_DIALECT.family)
        tally.see_gemini(document.get("usageMetadata"))
        tally.book()
        return json_bytes(raw)

    async def stream(self, request: Request) -> Response:
        """Answer a request for content in pieces: SSE with `alt=sse`, otherwise one JSON array."""
        tally, path, body = await self._asked(request)
        core, alt = core_of(request), request.query_params.get("alt", "json")
        if alt not in ("sse", "json"):
            raise wrong_field("alt", "must be sse or json")
        dialect = GEMINI_DIALECT if alt == "sse" else GEMINI_ARRAY_DIALECT
        return await stream_answer(
            core.upstream.open(f"{path}:streamGenerateContent?alt=sse", body, core.upstream.google_headers()),
            Pipe(dialect, tally, lambda frames: relay_gemini(frames, tally)),
            core.settings.heartbeat_seconds,
        )

    async def count_tokens(self, request: Request) -> Response:
        """Answer a token count; nothing is booked."""
        key = admit(request, self.calls)
        model = request.path_params["model"]
        body = await read_object(request)
        check_count_request(body)
        require_model(model, key.platform)
        core = core_of(request)
        asked = core.upstream.post(f"/v1beta/models/{model}:countTokens", body, core.upstream.google_headers())
        raw, document = await whole_answer(asked, GEMINI_DIALECT)
        if not isinstance(document.get("totalTokens", 0), int):
            raise refusal_of_failure(not_understood(), GEMINI_DIALECT.family)
        return json_bytes(raw)

    async def _asked(self, request: Request) -> tuple[Tally, str, dict[str, Any]]:
        key = admit(request, self.calls)
        model = request.path_params["model"]
        body = await read_object(request)
        check_content_request(body)
        require_model(model, key.platform)
        return Tally(core_of(request).ledger, key, model), f"/v1beta/models/{model}", body

    def routes(self, prefix: str) -> tuple[Route, ...]:
        """Return the routes below a prefix."""
        models = f"{prefix}/v1beta/models"
        model = f"{models}/{{model:gemini_model}}"
        return (
            Route(models, self.list_models, methods=["GET"]),
            Route(model, self.get_model, methods=["GET"]),
            Route(f"{model}:generateContent", self.generate, methods=["POST"]),
            Route(f"{model}:streamGenerateContent", self.stream, methods=["POST"]),
            Route(f"{model}:countTokens", self.count_tokens, methods=["POST"]),
        )


def _page(request: Request, models: tuple[Model, ...]) -> tuple[int, int]:
    """Return the size of the page that is asked for, and where it starts."""
    size = request.query_params.get("pageSize", "0")
    if not (size.isascii() and size.isdecimal()):
        raise wrong_field("pageSize", "must be a whole number that is not negative")
    token = request.query_params.get("pageToken")
    ids = [model.id for model in models]
    if token and token not in ids:
        raise wrong_field("pageToken", "is not a token of this list")
    return min(int(size[:9]) or _PAGE, _LONGEST_PAGE), ids.index(token) + 1 if token else 0


def _described(model: Model) -> dict[str, Any]:
    return {
        "name": f"models/{model.id}",
        "version": "001",
        "displayName": model.display_name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": list(_METHODS),
    }


_DENIED: Final[dict[Platform, Denial]] = {
    "openai": Denial.NOT_GEMINI,
    "anthropic": Denial.NOT_GEMINI,
    "antigravity": Denial.NOT_GEMINI,
    "batch": Denial.FORBIDDEN,
}
ROUTES: Final = Surface(Access(denied=_DENIED, metered=False), Access(denied=_DENIED)).routes("")
