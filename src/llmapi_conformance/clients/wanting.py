"""What a client is asked to do, and what it ought to make of the answer."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from llmapi_conformance.clients.agents import TOOL_SAID
from llmapi_conformance.evidence.results import NO_UPSTREAM, ResultStatus

if TYPE_CHECKING:
    from llmapi_conformance.clients.catalogue import Case, Client
    from llmapi_conformance.target.target import Target

TEXT: Final = "Hello w\N{LATIN SMALL LETTER O WITH DIAERESIS}rld \N{WAVING HAND SIGN}"
"""What the upstream says: beyond ASCII and beyond the Basic Multilingual Plane."""
NUMBER: Final = 7
"""What it calls a tool with."""
IMAGE_MODEL: Final = "gpt-image-2"
DISTURBED: Final = frozenset({"broken_stream"})
"""Cases in whose answer the upstream fails on purpose."""

_LIVE: Final = "Answer with the one word: yes."
_ALWAYS: Final = frozenset({"wrong_key", "unknown_model"})
"""Cases that cost no answer of a model."""


def obstacle(client: Client, case: Case, target: Target) -> tuple[ResultStatus, str] | None:
    """Why a case is not run at a target; ``None`` when it is."""
    for name in (case.clause, case.surface):
        if name in target.not_offered:
            return ResultStatus.NOT_OFFERED, target.not_offered[name]
    if case.surface not in target.offers:
        return ResultStatus.NOT_OFFERED, f"the target does not offer the surface {case.surface}"
    lack = _lack(client, case, target)
    return (ResultStatus.NOT_OBSERVED, lack) if lack else None


def _lack(client: Client, case: Case, target: Target) -> str:
    """What the target file or the place lacks for a case, empty when it has everything."""
    role = target.roles.get(client.role)
    if role is None:
        return f"no key for role {client.role}"
    if not role.models:
        return f"the target file names no model for role {client.role}"
    if target.headers or role.headers:
        return "the target file asks for further headers, which clients do not send"
    harmless = case.name in _ALWAYS or (not client.agent and case.value in ("text", "models", "model", "true"))
    return "" if target.sandwich or harmless else NO_UPSTREAM


def wanted(client: Client, case: Case, target: Target) -> dict[str, Any]:
    """What the client ought to tell: ``value``, ``some`` (any text), ``holds`` (a list with it), or ``raises``."""
    if case.raises:
        return {"raises": case.raises, "status": case.status, "requests": case.requests}
    model = target.roles[client.role].models[0]
    text = TOOL_SAID if client.agent else TEXT
    expected: dict[str, dict[str, Any]] = {
        "text": {"value": text} if target.sandwich else {"some": "text"},
        "call_and_text": {"value": {"n": NUMBER, "text": TEXT}},
        "models": {"holds": model},
        "model": {"value": model},
        "picture": {"value": "picture"},
        "pictures": {"value": ["completed", "picture"]},
        "true": {"value": True},
    }
    return {**expected[case.value], "requests": case.requests}


def prompts(target: Target) -> dict[str, str]:
    """What scripts send: directives where our upstream hears them, else a question that costs a word."""
    if not target.sandwich:
        return {"prompt": _LIVE, "png": _picture()}
    arguments = base64.urlsafe_b64encode(json.dumps({"n": NUMBER}).encode()).decode().rstrip("=")
    return {
        "prompt": f"@upstream echo chunks=5\n{TEXT}",
        "tool_prompt": f"@upstream tool_calls=1 arguments={arguments}",
        "prompt_429": "@upstream status=429 retry-after=7",
        "prompt_503": "@upstream status=503",
        "prompt_slow": "@upstream echo delay=4000ms\nlate",
        "prompt_error": "@upstream echo chunks=6 error=500 after=3\none two three four five six",
        "png": _picture(),
    }


def _picture() -> str:
    """A red square of eight by eight as PNG, in base64."""
    made = BytesIO()
    Image.new("RGB", (8, 8), "red").save(made, "PNG")
    return base64.b64encode(made.getvalue()).decode()
