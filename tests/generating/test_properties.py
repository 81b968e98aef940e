"""What properties are tried with: the same seed gives the same, and another spelling says the same."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import unicodedata
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.generating import properties as drawing

if TYPE_CHECKING:
    from llmapi_conformance.generating.properties import Kind

KINDS: tuple[Kind, ...] = ("order", "space", "escapes")
DOCUMENT = {
    "model": "gpt-5.1",
    "messages": [{"role": "user", "content": 'say "a\\b"/ \u00fc \U0001f600 \n\u2028'}, {"role": "x", "content": None}],
    "n": 1,
    "deep": {"z": [1.5, True, {}], "a": "", "big": 2**63},
}
EVERYTHING = """
from llmapi_conformance.generating import properties as drawing
found = (
    drawing.texts(7, "t", 20), drawing.hard_texts(7, "t", 2), drawing.objects(7, "o", 20),
    drawing.argument_texts(7, "a", 5, doubles=True), drawing.partitions(7, "p", 9), drawing.subsets(7, "s", "abcd", 4),
    drawing.spellings(7, "d", {"a": ["b", {"c": "d", "e": 1}], "f": None}, "escapes", 3),
    drawing.spellings(7, "d", {"a": ["b", {"c": "d", "e": 1}], "f": None}, "order", 3),
)
import hashlib
print(hashlib.sha256(repr(found).encode("utf-8", "surrogatepass")).hexdigest())
"""


def said_by(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=400, check=True, env=environment
    )
    return done.stdout.strip()


def test_the_same_seed_draws_the_same_in_another_process_with_other_modules() -> None:
    here = said_by(EVERYTHING, PYTHONHASHSEED="1")
    there = said_by("import llmapi_conformance.run, tests.judging.chat_cases\n" + EVERYTHING, PYTHONHASHSEED="2")
    assert here == there
    assert len(here) == len(hashlib.sha256().hexdigest())


def test_another_seed_or_purpose_draws_something_else() -> None:
    found = [drawing.texts(seed, purpose, 5) for seed in (1, 2) for purpose in ("a", "b")]
    assert len({tuple(one) for one in found}) == 4


def test_hypothesis_is_not_imported_before_something_is_drawn() -> None:
    program = "import sys, llmapi_conformance.generating.properties; print('hypothesis' in sys.modules)"
    assert said_by(program) == "False"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(20))
def test_another_spelling_says_the_same(kind: Kind, seed: int) -> None:
    for written in drawing.spellings(seed, "x", DOCUMENT, kind, 3):
        assert json.loads(written) == DOCUMENT


def test_a_spelling_differs_in_its_kind_alone() -> None:
    usual = json.dumps(DOCUMENT, ensure_ascii=False, separators=(",", ":"))
    order, space, escapes = (drawing.spellings(1, "x", DOCUMENT, kind, 1)[0].decode() for kind in KINDS)
    assert sorted(order) == sorted(usual)
    assert list(json.loads(order)) != list(DOCUMENT)
    assert {*space} - {*usual} == {"\t", "\n", "\r"} - {*usual}
    assert json.dumps(json.loads(space)) == json.dumps(DOCUMENT)
    assert "\\u" in escapes
    assert json.dumps(json.loads(escapes)) == json.dumps(DOCUMENT)


def test_an_object_is_never_in_its_usual_order() -> None:
    for number in range(30):
        (written,) = drawing.spellings(number, "x", {"a": 1, "b": 2}, "order", 1)
        assert written == b'{"b":2,"a":1}'


def test_texts_hold_no_lone_surrogates_and_much_that_is_hard() -> None:
    texts = drawing.texts(1, "x", 60)
    "".join(texts).encode()
    assert all(texts)
    categories = {unicodedata.category(character) for text in texts for character in text}
    assert {"Cc", "Cf", "Mn", "So", "Zl", "Ll"} <= categories
    assert all("\0" in text and "\u2028" in text and "\\u0041" in text for text in drawing.hard_texts(1, "x", 3))


def test_argument_texts_are_objects_in_odd_spellings() -> None:
    texts = drawing.argument_texts(1, "x", 10)
    assert all(isinstance(json.loads(text), dict) for text in texts)
    assert all(text != json.dumps(json.loads(text)) and text == text.strip() for text in texts)


def test_numbers_fit_into_a_double_where_they_have_to() -> None:
    def integers(value: object) -> list[int]:
        if isinstance(value, dict | list):
            inner = value.values() if isinstance(value, dict) else value
            return [number for each in inner for number in integers(each)]
        return [value] if isinstance(value, int) and not isinstance(value, bool) else []

    exact = [abs(number) for one in drawing.objects(1, "x", 60, doubles=True) for number in integers(one)]
    wide = [abs(number) for one in drawing.objects(1, "x", 60) for number in integers(one)]
    assert max(exact) <= drawing.LARGEST_DOUBLE_INTEGER < max(wide)


def test_partitions_begin_with_single_bytes_and_have_no_empty_pieces() -> None:
    found = drawing.partitions(1, "x", 8)
    assert found[0] == (1,)
    assert len(set(found)) == len(found) == 8
    assert all(size >= 1 for sizes in found for size in sizes)


def test_each_name_is_in_one_of_two_subsets() -> None:
    first, second = drawing.subsets(3, "x", "abcdef", 2)
    assert sorted([*first, *second]) == list("abcdef")
