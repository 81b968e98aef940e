"""The generator process: an order on each line of its standard input, its cases on a line of its standard output."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from llmapi_conformance.errors import ConformanceError
from llmapi_conformance.generating.bounds import bound_cases
from llmapi_conformance.generating.cases import order_from_json
from llmapi_conformance.generating.encodings import encoding_cases, media_cases
from llmapi_conformance.generating.mutations import mutation_cases
from llmapi_conformance.generating.sampling import sample
from llmapi_conformance.generating.schema_cases import coverage_cases, fuzz_cases

if TYPE_CHECKING:
    from llmapi_conformance.generating.sampling import Maker

MAKERS: tuple[Maker, ...] = (bound_cases, encoding_cases, media_cases, coverage_cases, mutation_cases, fuzz_cases)
"""Of two makers of the same request the earlier one says what it is about: the most telling ones come first."""


def answer(line: str) -> dict[str, Any]:
    """The answer to one line: ``cases``, or why there are none as ``error``."""
    try:
        cases = sample(order_from_json(json.loads(line)), MAKERS)
    except ConformanceError as error:
        return {"error": str(error)}
    except Exception as error:  # noqa: BLE001 - whoever asked says that we failed; other orders may still be fine
        return {"error": f"{type(error).__name__}: {error}"}
    return {"cases": [case.to_json() for case in cases]}


def main() -> None:
    """Answer until standard input closes."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(line), separators=(",", ":")) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
