"""JSON text in and out, strictly."""

from __future__ import annotations

import json
import math
from typing import Any, Never


class NotJsonError(ValueError):
    """The bytes are not a JSON document that can be passed on unchanged."""


def compact(value: Any) -> str:
    """Write a value as one line of JSON with its characters unescaped.

    Raises:
        ValueError: A number has no JSON form.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def parse(raw: bytes | str) -> Any:
    """Read one JSON document (RFC 8259).

    A repeated key counts with its last value. What Python reads beyond the standard (NaN, Infinity), a number that has
    no finite form and a string that is no Unicode text (a lone surrogate) are refused, because they can't be sent on.

    Raises:
        NotJsonError: The reason, without any of the text.
    """
    try:
        text = raw if isinstance(raw, str) else raw.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        if "\\u" in text:
            compact(value).encode("utf-8")
    except UnicodeDecodeError:
        raise NotJsonError("the text is not UTF-8") from None
    except UnicodeEncodeError:
        raise NotJsonError("a string holds half of a surrogate pair") from None
    except RecursionError:
        raise NotJsonError("the text is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise NotJsonError(f"syntax error at character {error.pos}") from None
    except ValueError as error:
        raise NotJsonError(str(error)) from None
    return value


def object_or_none(raw: bytes | str) -> dict[str, Any] | None:
    """Return the JSON object that a text is, None if it is none."""
    try:
        value = parse(raw)
    except NotJsonError:
        return None
    return value if isinstance(value, dict) else None


def _refuse(_literal: str) -> Never:
    raise ValueError("NaN and Infinity are not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is out of range")
    return value
