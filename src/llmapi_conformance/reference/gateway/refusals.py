"""The one exception by which a request is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Refusal(Exception):
    """An HTTP error that the gateway answers in the envelope of the route.

    Attributes:
        status: The HTTP status.
        message: What the client reads.
        kind: `error.type`, where it isn't the usual one for the status.
        code: OpenAI's `error.code`.
        param: OpenAI's `error.param`: the field that is wrong.
        headers: Further response headers.
        literal: The body is a documented one, to be sent exactly: no `request_id` beside it.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str | None = None,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        literal: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.headers = dict(headers or {})
        self.literal = literal


def wrong_field(param: str, problem: str) -> Refusal:
    """A 400 that names the field (F9.11: wrong parameter type)."""
    return Refusal(400, f"{param}: {problem}", param=param)


def unknown_model(model: str) -> Refusal:
    """A 404 for a model that the key's group does not list."""
    return Refusal(
        404,
        f"model: {model!r} does not exist or is not available to this key's group",
        code="model_not_found",
        param="model",
    )
