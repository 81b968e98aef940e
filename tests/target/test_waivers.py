"""Waivers files: what they say, and what is told of those that can't be used."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.errors import TargetError
from llmapi_conformance.target.description import describe, described
from llmapi_conformance.target.target import Target
from llmapi_conformance.target.waivers import Waiver, load_waivers

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """[[waiver]]
clause = "CHAT-S05"
reason = "clients bear it"
owner = "team gateway"
ticket = "GW-17"
expires = 2026-12-31
model = "gpt-5.1"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "waivers.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_file_has_a_table_for_each_waiver_and_a_recording_keeps_them(tmp_path: Path) -> None:
    found = load_waivers(written(tmp_path, GOOD + GOOD.replace("CHAT-S05", "MSG-S07")))
    first = Waiver("CHAT-S05", "clients bear it", "team gateway", "GW-17", date(2026, 12, 31), model="gpt-5.1")
    assert [one.clause for one in found] == ["CHAT-S05", "MSG-S07"]
    assert found[0] == first
    target = Target("t", "http://127.0.0.1", {}, version="2.1", waivers=found)
    again = described(describe(target))
    assert (again.waivers, again.version) == (found, "2.1")
    assert load_waivers(written(tmp_path, "")) == ()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("expires = 2026-12-31\n", ""), r"waiver 1 \(CHAT-S05\): the entry 'expires' is missing"),
        (("2026-12-31", '"2026-12-31"'), "expires: write a date without quotes"),
        (('owner = "team gateway"', 'owner = " "'), r"waiver 1 \(CHAT-S05\): owner: "),
        (("model =", 'because = "x"\nmodel ='), "unknown entry 'because'; known here: clause, reason"),
        (("[[waiver]]", "[[waivers]]"), "waivers is not understood; write a table"),
        (("[[waiver]]", "[[waiver"), "not TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_a_sentence(change: tuple[str, str], told: str, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=told):
        load_waivers(written(tmp_path, GOOD.replace(*change)))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="Can't read the waivers file"):
        load_waivers(tmp_path / "none.toml")
