"""The models of each group, and `GET /v1/models` (F5.20)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from llmapi_conformance.reference.gateway.access import Access, Denial, admit
from llmapi_conformance.reference.gateway.answers import json_answer
from llmapi_conformance.reference.gateway.refusals import unknown_model

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from llmapi_conformance.reference.gateway.keys import Platform


@dataclass(frozen=True, slots=True)
class Model:
    """One model: its id, its maker, what people call it, when it came out (unix seconds)."""

    id: str
    owner: str
    display_name: str
    created: int


MODELS: Final[dict[Platform, tuple[Model, ...]]] = {
    "openai": (
        Model("gpt-5.1", "openai", "GPT-5.1", 1_763_000_000),
        Model("gpt-5.1-mini", "openai", "GPT-5.1 mini", 1_763_000_100),
    ),
    "anthropic": (
        Model("claude-sonnet-4-5", "anthropic", "Claude Sonnet 4.5", 1_759_104_000),
        Model("claude-haiku-4-5", "anthropic", "Claude Haiku 4.5", 1_760_486_400),
    ),
    "gemini": (
        Model("gemini-2.5-flash", "google", "Gemini 2.5 Flash", 1_750_118_400),
        Model("gemini-2.5-flash-image", "google", "Gemini 2.5 Flash Image", 1_759_363_200),
    ),
    "antigravity": (
        Model("gemini-3-pro", "google", "Gemini 3 Pro", 1_763_424_000),
        Model("claude-sonnet-4-5", "anthropic", "Claude Sonnet 4.5", 1_759_104_000),
    ),
    "batch": (
        Model("gpt-image-2", "openai", "GPT Image 2", 1_770_000_000),
        Model("gemini-2.5-flash-image", "google", "Gemini 2.5 Flash Image", 1_759_363_200),
        Model("gemini-3.1-flash-image", "google", "Gemini 3.1 Flash Image", 1_772_000_000),
    ),
}
_LISTING = Access(denied={"batch": Denial.FORBIDDEN}, metered=False)


def require_model(model: str, platform: Platform) -> None:
    """Check that a group offers a model.

    Raises:
        Refusal: 404 in the vendor's words for a model that isn't there.
    """
    if all(known.id != model for known in MODELS[platform]):
        raise unknown_model(model)


def owner_of(model: str, platform: Platform) -> str:
    """Return who made a model that a group offers: this decides the protocol in which the upstream is asked."""
    return next(known.owner for known in MODELS[platform] if known.id == model)


def listing(models: tuple[Model, ...]) -> dict[str, Any]:
    """Return a list document that both vendors' clients read: OpenAI's fields and Anthropic's side by side."""
    return {
        "object": "list",
        "data": [
            {
                "id": model.id,
                "object": "model",
                "created": model.created,
                "owned_by": model.owner,
                "type": "model",
                "display_name": model.display_name,
                "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(model.created)),
            }
            for model in models
        ],
        "has_more": False,
        "first_id": models[0].id,
        "last_id": models[-1].id,
    }


async def list_models(request: Request) -> Response:
    """Answer `GET /v1/models` with the models of the key's group."""
    key = admit(request, _LISTING)
    return json_answer(listing(MODELS[key.platform]))


ROUTES: Final = (Route("/v1/models", list_models, methods=["GET"]),)
