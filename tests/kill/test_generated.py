"""Every fault that only odd requests bring out is found by generated ones, of the default number, under seed 1.

What five seeds find is in the table of ``benchmarks/generated_faults.py``; that hand-written checks find none of these
faults is what its ``--by-hand`` shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from llmapi_conformance.reference.faults_generated import GENERATED_FAULTS
from tests.kill.suite import found, generated_only, run_suite, with_verdict

if TYPE_CHECKING:
    from pathlib import Path

    from llmapi_conformance.reference.fault import Fault

_POSTS: Final = ("create", "count", "generate", "Content", "edit", "submit")
_GEMINI: Final = ("countGemini", "countAntigravity", "Content")
_MESSAGES: Final = ("createMessage", "countMessage", "createAntigravityMessage")
_IMAGES: Final = ("generateImage", "editImage", "submitImage")
OPERATIONS: Final[dict[str, tuple[str, ...]]] = {
    "N01": _POSTS,
    "N02": _POSTS,
    "N03": (*_GEMINI, *_IMAGES, "createResponse", "createAntigravity"),
    "N04": _IMAGES,
    "N05": _POSTS,
    "N06": _MESSAGES,
    "N07": (*_IMAGES, *_MESSAGES),
    "N08": ("countGemini",),
    "N09": (*_GEMINI, *_MESSAGES),
    "N10": ("generateGemini", "generateAntigravity"),
    "N11": ("countGemini",),
    "N12": ("createResponse", "generateAntigravity", "generateGemini"),
    "N13": ("generateImage", "submitImage"),
    "N14": (*_MESSAGES, "createChat"),
    "N15": ("count", "createResponse"),
    "N16": _POSTS,
    "N17": ("editImage",),
    "N18": ("createMessage", "countMessage"),
    "N19": _IMAGES,
    "N20": (*_MESSAGES, *_IMAGES, "createResponse"),
    "N21": _GEMINI,
    "N22": _POSTS,
    "N23": ("generateImage", "createAntigravity"),
    "N30": ("getUsage",),
    "N31": ("getUsage",),
    "N32": ("getUsage", "listGemini"),
    "N33": ("getImageTask",),
    "N34": ("listModels",),
    "N35": ("listModels",),
    "N36": ("getImageTask",),
    "N37": ("getGeminiModel",),
    "N38": ("createResponseSubpath",),
    "N39": ("listGemini",),
    "N40": ("listModels",),
    "N41": ("listGemini",),
    "N42": ("listModels",),
    "N43": _POSTS,
}
"""Parts of the names of the operations whose requests bring a fault out: others need not be sent."""


@pytest.mark.parametrize("fault", GENERATED_FAULTS, ids=[fault.name for fault in GENERATED_FAULTS])
def test_generated_requests_find_it(fault: Fault, tmp_path: Path) -> None:
    keyword = generated_only(fault.clauses, OPERATIONS[fault.name])
    status, document = run_suite(tmp_path, "--fault", fault.name, "--seed", "1", "-k", keyword)
    assert found(document) & set(fault.clauses), with_verdict(document, "not_observed")
    assert not with_verdict(document, "error")
    assert status in (0, 1)


def test_without_a_fault_generated_requests_find_nothing(tmp_path: Path) -> None:
    status, document = run_suite(tmp_path, "--seed", "2", "-k", generated_only((), _MESSAGES))
    assert not found(document)
    assert status == 0
