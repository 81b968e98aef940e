"""Validate a request document with a pydantic model, and refuse it as a provider would."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from llmapi_conformance.reference.upstream.errors import ApiError


class Part(BaseModel):
    """An object of a request: the fields that we know are checked strictly, others pass."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)


NonEmpty = Annotated[str, StringConstraints(min_length=1)]
AtLeastOne = Annotated[int, Field(ge=1)]

_Model = TypeVar("_Model", bound=BaseModel)


def validated(model: type[_Model], document: dict[str, Any]) -> _Model:
    """Validate a document.

    Args:
        model: What it must be.
        document: The parsed request body.

    Raises:
        ApiError: 400, naming the first parameter at fault.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "body"
        param = str(first["loc"][0]) if first["loc"] else None
        raise ApiError(400, f"{where}: {first['msg']}", param=param) from error
