"""Access: what a key's group may call, and whether the key may spend (F9.8, F9.9, F9.11)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from llmapi_conformance.reference.gateway.auth import authenticate
from llmapi_conformance.reference.gateway.core import core_of
from llmapi_conformance.reference.gateway.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import HTTPConnection

    from llmapi_conformance.reference.gateway.keys import ApiKey, Platform

_RETRY_AFTER_SECONDS: Final = 20


class Denial(Enum):
    """Why a group is kept out of a route."""

    FORBIDDEN = "forbidden"
    NOT_OFFERED = "not offered"
    NO_TOKEN_COUNT = "no token count"  # noqa: S105 - not a password
    NO_IMAGES = "no images"
    NOT_GEMINI = "not gemini"
    NOT_ANTIGRAVITY = "not antigravity"
    NO_TASKS = "no tasks"


@dataclass(frozen=True, slots=True)
class Access:
    """The access rule of one operation.

    Attributes:
        denied: The platforms that are refused, and why; the others are let in.
        metered: The operation needs a balance and a free place under the rate limit.
    """

    denied: Mapping[Platform, Denial] = field(default_factory=dict)
    metered: bool = True


def admit(request: HTTPConnection, access: Access) -> ApiKey:
    """Let a request in, or refuse it before a byte of its body is read.

    The order is: authentication, group, balance, rate limit. What is refused here costs nothing.

    Raises:
        Refusal: 401, 403, 404 or 429.
    """
    key = authenticate(request.headers, core_of(request).keyring)
    request.state.api_key = key
    denial = access.denied.get(key.platform)
    if denial is not None:
        raise _denied(denial)
    if access.metered and key.role.condition == "exhausted":
        raise Refusal(403, "Insufficient balance", code="insufficient_balance")
    if access.metered and key.role.condition == "rate_limited":
        raise Refusal(
            429,
            "Rate limit reached for this key, please retry later",
            code="rate_limit_exceeded",
            headers={"retry-after": str(_RETRY_AFTER_SECONDS)},
        )
    return key


def _denied(denial: Denial) -> Refusal:
    if denial is Denial.NO_TOKEN_COUNT:
        return Refusal(404, "Token counting is not supported for this platform", literal=True)
    if denial is Denial.NO_IMAGES:
        return Refusal(404, "Images API is not supported for this platform", literal=True)
    if denial in (Denial.NOT_GEMINI, Denial.NOT_ANTIGRAVITY):
        return Refusal(400, f"API key group platform is {denial.value}")
    if denial is Denial.NO_TASKS:
        return Refusal(403, "A general key has no image tasks: use an image key", kind="permission_error")
    if denial is Denial.NOT_OFFERED:
        return Refusal(404, "This endpoint is not available for this key's platform group", kind="not_found_error")
    return Refusal(403, "An image key cannot call this endpoint: use a general key", kind="permission_error")
