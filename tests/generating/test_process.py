"""The generator process: the same seed makes the same bytes, in any process and in any order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from fixtures.generated import operations
from tests.generating.ordering import order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.generating.cases import Order


def generated(orders: Sequence[Order], hash_seed: str) -> dict[str, list[dict[str, Any]]]:
    """What a process of its own answers to these orders, by operation."""
    lines = "".join(json.dumps(one.to_json()) + "\n" for one in orders)
    done = subprocess.run(
        [sys.executable, "-m", "llmapi_conformance.generating"],
        input=lines,
        capture_output=True,
        text=True,
        timeout=400,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(orders)
    assert not [answer["error"] for answer in answers if "error" in answer]
    return {one.operation: answer["cases"] for one, answer in zip(orders, answers, strict=True)}


def test_the_same_seed_makes_the_same_bytes_in_any_process_and_order() -> None:
    drawn = ("createMessage", "getUsage", "editImage")  # from forty on hypothesis draws some, which takes its time
    orders = [order(operation, count=40 if operation in drawn else 20) for operation in operations()]
    first = generated(orders, "1")
    assert generated(orders[::-1], "2") == first
    assert sum(map(len, first.values())) > 500


def test_another_seed_makes_other_bytes() -> None:
    names = ("createChatCompletion", "generateGeminiContent", "getUsage")
    first, other = (generated([order(name, seed=seed) for name in names], "1") for seed in (1, 2))
    for name in names:
        bytes_of_first = {json.dumps(case) for case in first[name]}
        assert len(bytes_of_first & {json.dumps(case) for case in other[name]}) < len(bytes_of_first) * 3 // 4


def test_a_line_that_is_no_order_is_answered_with_a_reason_and_the_next_is_served() -> None:
    lines = "nonsense\n" + json.dumps(order("listModels").to_json()) + "\n"
    command = [sys.executable, "-m", "llmapi_conformance.generating"]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=400, check=True)
    failed, served = map(json.loads, done.stdout.splitlines())
    assert "JSONDecodeError" in failed["error"]
    assert served["cases"]
