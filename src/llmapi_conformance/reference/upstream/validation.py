"""Validate a request document with a pydantic model, and refuse it as a provider would."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from llmapi_conformance.reference.upstream.errors import ApiError


class Part(BaseModel):
    """An object of a request: the fields that we know are checked strictly, others pass."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)


NonEmpty = Annotated[str, StringConstraints(min_length=1)]
AtLeastOne = Annotated[int, Field(ge=1)]

# The names of types that pydantic puts among the names of fields have brackets.
_STEP = re.compile(r"\w+")
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
        first, *others = error.errors(include_url=False, include_context=False, include_input=False)
        # Where a field may be of two types, the deepest complaint is the one about what was meant.
        same = [other for other in others if other["loc"][:1] == first["loc"][:1]]
        worst = max((first, *same), key=lambda each: len(each["loc"]))
        steps = [str(step) for step in worst["loc"] if str(step) != "str" and _STEP.fullmatch(str(step))]
        param = steps[0] if steps else None
        raise ApiError(400, f"{'.'.join(steps) or 'body'}: {worst['msg']}", param=param) from error
