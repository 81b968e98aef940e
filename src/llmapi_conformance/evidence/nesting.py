"""How deep JSON may be nested before it is taken for none."""

from __future__ import annotations

from typing import Any, Final

DEEPEST: Final = 200
"""Arrays and objects within each other: more than any protocol has, and what every function over JSON can walk."""


def is_text_too_deep(text: str, value: Any) -> bool:
    """As ``is_too_deep``, told the value's text, too: where it has few brackets the value need not be walked."""
    return text.count("{") + text.count("[") > DEEPEST and is_too_deep(value)


def is_too_deep(value: Any) -> bool:
    """Whether a JSON value is nested deeper than ``DEEPEST`` (RFC 8259 section 9 allows such a limit)."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
