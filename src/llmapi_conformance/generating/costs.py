"""Bounds what the answer to a generated request may cost: known before it is sent."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.generating.shapes import type_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.generating.cases import Case, Order

EACH: Final = 256
"""Output tokens that the cases of an operation may cost in the mean, where the sample itself costs less."""
MOST_TOKENS: Final = 64
"""A limit that a case may set; a higher one that a gateway might keep is brought down to it."""
UNLIMITED: Final = 1024
"""What an answer without a limit costs at most: the text asks for one word."""
ABSURD: Final = 2**31
"""A number of tokens, answers or images that nobody keeps to: it is there to trip a parser."""
_LIMITS: Final = frozenset({"max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens"})
_NUMBERS: Final = frozenset({"n", "candidateCount"})


def allowance(order: Order) -> int:
    """Output tokens that the cases of an order may cost together."""
    return order.count * each(order.sample.tokens)


def each(sample: int) -> int:
    """Output tokens that one case may cost in the mean where the sample costs so many; none where it costs none."""
    return max(EACH, 2 * sample) if sample else 0


def bounded(case: Case, order: Order) -> Case:
    """The case with a limit that an account can bear, and with what its answer then costs at most."""
    sample = order.sample
    if not sample.tokens:
        return replace(case, tokens=0)
    try:
        document = json.loads(case.body)
    except (ValueError, RecursionError):
        return replace(case, tokens=sample.tokens)  # refused, or the sample in another encoding
    if not isinstance(document, dict):
        return replace(case, tokens=0)
    lowered = False
    for holder, name in _members(document, _LIMITS):
        if MOST_TOKENS < holder[name] < ABSURD:
            holder[name], lowered = MOST_TOKENS, True
    if lowered:
        case = replace(case, body=json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())
    return replace(case, tokens=_tokens(document, order))


def _tokens(document: dict[str, Any], order: Order) -> int:
    """What an answer costs at most; nonsense in the place of a limit is refused, or limits nothing."""
    known = list(_members(order.document or {}, _LIMITS))
    limits = [holder[name] for holder, name in _members(document, _LIMITS) if 0 < holder[name] <= MOST_TOKENS]
    limit = max(limits) if limits else UNLIMITED if known else order.sample.tokens
    numbers = [holder[name] for holder, name in _members(document, _NUMBERS) if 0 < holder[name] < ABSURD]
    return int(limit * max(numbers, default=1))


def _members(document: dict[str, Any], names: frozenset[str]) -> Iterator[tuple[dict[str, Any], str]]:
    """Whole numbers of these names, in the document and in Gemini's configuration within it."""
    for holder in (document, document.get("generationConfig")):
        if isinstance(holder, dict):
            for name in sorted(names & holder.keys()):
                if type_of(holder[name]) == "integer":
                    yield holder, name
