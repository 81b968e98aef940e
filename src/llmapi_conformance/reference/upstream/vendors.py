"""What a vendor does the same way on all its routes: credentials, request ids, error envelopes, models."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, QueryParams

from llmapi_conformance.reference.upstream.errors import (
    ApiError,
    anthropic_envelope,
    google_array_envelope,
    google_envelope,
    openai_envelope,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Scope

ANTHROPIC_VERSIONS = ("2023-06-01", "2026-10-21")
"""The values of `anthropic-version` that are alive (wire-grammars.md section 1.1)."""

_UNAUTHENTICATED = partial(ApiError, 401, "The API key is missing or invalid.")


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor's habits.

    Attributes:
        name: Its name.
        id_header: The response header with the request id; None: it has none.
        envelope: Writes its error document.
        presented_key: Reads the credential from a request's headers.
        models: The ids of its models and the Unix second of each one's making, newest first.
        bad_key: Makes its refusal of a wrong credential.
    """

    name: str
    id_header: str | None
    envelope: Callable[[ApiError, str], dict[str, Any] | list[dict[str, Any]]]
    presented_key: Callable[[Headers], str | None]
    models: Mapping[str, int]
    bad_key: Callable[[], ApiError] = _UNAUTHENTICATED


def check_key(vendor: Vendor, headers: Headers, provider_key: str) -> None:
    """Compare the credential of a request with the provider key.

    Raises:
        ApiError: 401, or what the vendor has for it: it is missing or another one.
    """
    presented = vendor.presented_key(headers)
    if presented is None or not hmac.compare_digest(presented.encode("utf-8"), provider_key.encode("utf-8")):
        raise vendor.bad_key()


def check_version(headers: Headers) -> None:
    """Check the `anthropic-version` of a request.

    Raises:
        ApiError: 400, it is missing or unknown.
    """
    version = headers.get("anthropic-version")
    if version is None:
        raise ApiError(400, "anthropic-version: header is required")
    if version not in ANTHROPIC_VERSIONS:
        raise ApiError(400, "anthropic-version: the value is not a valid version")


def vendor_of(scope: Scope) -> Vendor:
    """Tell the vendor of a request.

    Google has paths of its own. The other two share some, where Anthropic's clients send `anthropic-version`.
    """
    if scope["path"].startswith("/v1beta"):
        in_an_array = scope["path"].endswith(":streamGenerateContent") and not wants_events(scope)
        return GOOGLE_IN_AN_ARRAY if in_an_array else GOOGLE
    return ANTHROPIC if "anthropic-version" in Headers(scope=scope) else OPENAI


def wants_events(scope: Scope) -> bool:
    """Tell whether a request to Google asks for server-sent events."""
    return QueryParams(scope["query_string"]).get("alt") == "sse"


def new_id(prefix: str) -> str:
    """Return a fresh id, random beyond guessing."""
    return prefix + secrets.token_hex(12)


def _bearer(headers: Headers) -> str | None:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None


def _google_key(headers: Headers) -> str | None:
    return headers.get("x-goog-api-key") or _bearer(headers)


def _anthropic_key(headers: Headers) -> str | None:
    return headers.get("x-api-key") or _bearer(headers)


ANTHROPIC = Vendor(
    name="anthropic",
    id_header="request-id",
    envelope=anthropic_envelope,
    presented_key=_anthropic_key,
    models={"claude-haiku-4-5": 1_760_486_400, "claude-sonnet-4-5": 1_759_104_000},
)
OPENAI = Vendor(
    name="openai",
    id_header="x-request-id",
    envelope=openai_envelope,
    presented_key=_bearer,
    models={"gpt-image-2": 1_776_729_600, "gpt-5.1": 1_762_992_000, "gpt-5.1-mini": 1_762_992_000},
)
GOOGLE = Vendor(
    name="google",
    id_header=None,
    envelope=google_envelope,
    presented_key=_google_key,
    models={
        "gemini-3.1-flash-image": 1_772_000_000,
        "gemini-3-pro": 1_763_424_000,
        "gemini-2.5-flash-image": 1_759_363_200,
        # Google's Antigravity serves Anthropic's models too, in its own protocol.
        "claude-sonnet-4-5": 1_759_104_000,
        "gemini-2.5-flash": 1_750_118_400,
    },
    # Google refuses a wrong key with 400 (wire-grammars.md section 7).
    bad_key=partial(ApiError, 400, "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID"),
)
GOOGLE_IN_AN_ARRAY = replace(GOOGLE, envelope=google_array_envelope)
