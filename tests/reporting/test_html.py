from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from llmapi_conformance.evidence.encoding import decode_exchange, encode_exchange
from llmapi_conformance.judging.oracle import Deviation
from llmapi_conformance.reporting.html import report_page
from llmapi_conformance.reporting.html.shown_clause import ROOM
from tests.judging.build import exchange
from tests.reporting import pages

ACTIVE = re.compile(r"^on|^(src|srcset|srcdoc|style|action|formaction|background|poster|ping)$")


class Page(HTMLParser):
    """What a browser makes of a page, as far as these tests ask."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.words: list[str] = []
        self._raw = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._raw = tag if tag in ("script", "style", "title") else ""

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - of any element
        self._raw = ""

    def handle_data(self, data: str) -> None:
        if self._raw:
            self.texts.setdefault(self._raw, []).append(data)
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def plain() -> Page:
    return Page(report_page(*pages.plain()))


@pytest.fixture(scope="module")
def hostile_text() -> str:
    return report_page(*pages.hostile())


@pytest.fixture(scope="module")
def hostile(hostile_text: str) -> Page:
    return Page(hostile_text)


def test_the_page_needs_nothing_else_and_its_policy_knows_only_its_own_script_and_style(plain: Page) -> None:
    (policy,) = (one["content"] for one in plain.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for kind in ("script", "style"):
        (text,) = plain.texts[kind]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not [(tag, name) for tag, those in plain.elements for name in those if ACTIVE.match(name)]
    assert all(one["href"].startswith("#") for one in plain.all("a"))
    assert [one["href"].partition(":")[0] for one in plain.all("link")] == ["data"]


def test_parts_stand_in_their_order_and_the_first_line_says_it_all(plain: Page) -> None:
    parts = [one["id"] for one in plain.all("section") if one.get("id") and not one["id"].startswith("surface-")]
    assert parts == ["findings", "surfaces", "unseen", "strength", "target", "versions"]
    assert "staging: findings ERR-E05" not in plain.text  # a SHOULD is warned, not the first that failed
    assert re.search(r"staging: findings MSG-S01 .*\(and 2 more failed, 1 warned\)", plain.text)
    assert re.search(r"requests ?3 ?duration ?42\.5 s ?image tasks ?0", plain.text)


def test_every_clause_has_one_anchor_and_every_link_leads_somewhere(plain: Page) -> None:
    document, _ = pages.plain()
    ids = Counter(one["id"] for _, one in plain.elements if "id" in one)
    assert [name for name, count in ids.items() if count > 1] == []
    assert [one["id"] for one in document["clauses"] if one["id"] not in ids] == []
    links = {one["href"][1:] for one in plain.all("a")}
    assert [link for link in links if not link.startswith("?") and link not in ids] == []


def test_a_finding_says_what_was_promised_expected_and_observed_and_shows_the_bytes(plain: Page) -> None:
    document, (stream, *_) = pages.plain()
    clause = next(one for one in document["clauses"] if one["id"] == "MSG-S07")
    for words in (clause["statement"], clause["source"], "one end", "two ends", stream.id, "POST /v1/messages"):
        assert words in plain.text
    copied = [one["data-copy"] for one in plain.all("button") if "data-copy" in one]
    assert clause["findings"][0]["curl"] in copied
    marked = re.findall(r"<mark>(.*?)</mark>", report_page(*pages.plain()), re.DOTALL)
    assert any("message_stop" in one and "&#34;n&#34;: 3" in one for one in marked)
    bars = [one for one in plain.all("line") if one.get("class") == "fault"]
    assert bars


def test_an_exchange_stands_in_the_page_once_and_others_point_to_it(plain: Page) -> None:
    details = [one for one in plain.all("details") if one.get("class") == "exchange"]
    here = [one["id"] for one in details if "id" in one]
    assert len(here) == 3
    assert {one["data-stands-at"] for one in details if "data-stands-at" in one} <= set(here)
    assert "The same in 1 further exchange" in plain.text
    assert "3 exchanges of 3 with the gateway stand in this page" in plain.text


def test_what_was_not_judged_is_grouped_by_its_reason(plain: Page) -> None:
    assert re.search(r"not offered there is no queue \d+ clauses", plain.text)
    assert re.search(r"not observed no check for it was selected \d+ clauses", plain.text)


def test_strength_is_what_the_faults_of_the_reference_gateway_list(plain: Page) -> None:
    assert "fault-M15" in {one.get("id") for one in plain.all("tr")}
    assert re.search(r"\d+ faults prove \d+ of \d+ clauses", plain.text)


def test_a_time_in_which_we_stood_still_is_drawn_and_told_where_it_fell() -> None:
    page = Page(report_page(*pages.stalled()))
    drawn = [(one["x"], one["width"]) for one in page.all("rect") if one.get("class") == "stall"]
    assert len(drawn) == 3  # one of the stream, two of the talk; what was never answered has no drawing
    assert ("0.0", "55.6") in drawn  # half a second of the nine of the talk
    for words in (
        "still for 99.0 ms from 101 ms on: what came then was seen only at its end",
        "still 2 times, 1,250 ms at worst, the first time from 0.0 ms on",
        "still for 500 ms from 1,000 ms on",
        "stood still during 3 of 4 exchanges, 1,250 ms at worst",
    ):
        assert words in page.text
    assert len([one for one in page.all("svg") if "Our own process stood still" in one.get("aria-label", "")]) == 2


def test_nobody_is_told_of_a_stall_where_there_was_none(plain: Page) -> None:
    assert "stood still" not in plain.text
    assert not [one for one in plain.all("rect") if one.get("class") == "stall"]


def test_words_of_a_gateway_are_words_and_nothing_else(hostile: Page, hostile_text: str) -> None:
    assert len(hostile.all("script")) == 1
    assert not hostile.all("img")
    assert not [name for _, those in hostile.elements for name in those if ACTIVE.match(name)]
    assert pages.SCRIPT in hostile.text
    assert "{{ 7 * 7 }}" in hostile.text
    assert not [one for one in hostile_text if not one.isprintable() and one != "\n"]
    assert "\\u202eevil\\u2066\\u200b" in hostile.text
    assert "\\x00\\x1b[31m" in hostile.text


def test_what_is_long_is_cut_and_the_cut_is_said(hostile: Page, hostile_text: str) -> None:
    assert len(hostile_text) < 1_200_000
    assert "body, 5,000,012 bytes" in hostile.text
    assert re.search(r"2,49\d,\d{3} bytes left out", hostile.text)
    assert "<mark>&lt;b&gt;FAULT&lt;/b&gt;</mark>" in hostile_text
    assert "10,000 chunks" in hostile.text
    assert re.search(r"9,\d{3} not listed|[45],\d{3} not listed", hostile.text)
    assert "240 headers left out" in hostile.text
    assert "4,000 characters left out" in hostile.text
    assert re.search(r"2,9\d\d messages left out", hostile.text)
    assert "000120 2021 2223" in hostile.text  # noise is shown in hexadecimal


def test_the_whole_page_is_bounded_and_says_its_size_and_what_found_no_room() -> None:
    document, exchanges = pages.large()
    page = report_page(document, exchanges)
    assert len(page.encode()) < 2 * ROOM
    said = re.search(r"This file has ([\d,]+) kB", page)
    assert said
    assert abs(int(said[1].replace(",", "")) - len(page.encode()) / 1_000) <= 1

    heavy = [dataclasses.replace(one, response=_filled(one)) for one in exchanges]
    crowded = report_page(*_found(heavy))
    assert len(crowded.encode()) < 3 * ROOM
    stand = re.search(r"(\d+) exchanges of 1,000", crowded)
    assert stand
    assert 10 < int(stand[1]) < 90  # ten findings of nine clauses would be shown whole
    assert "further findings, all in verdicts.json" in crowded or "more, all in verdicts.json" in crowded


def _filled(one: pages.Exchange) -> pages.Response | None:
    return exchange(body=b"\x1bA" * 10_000).response if one.response else None


def _found(exchanges: list[pages.Exchange]) -> pages.Made:
    found = [(one, Deviation("text", f"controls {one.step}", (0, 5_000))) for one in exchanges]
    clauses = ("MSG-S01", "MSG-S02", "MSG-S03", "MSG-S04", "MSG-S05", "MSG-S06", "MSG-S07", "CHAT-S04", "CHAT-S01")
    return pages.made([pages.seen(clause, found[at::9]) for at, clause in enumerate(clauses)], exchanges)


@pytest.mark.parametrize("make", [pages.plain, pages.hostile])
def test_equal_runs_make_equal_pages_also_from_their_files(make: pages.Maker) -> None:
    document, exchanges = make()
    page = report_page(document, exchanges)
    assert page == report_page(*make())
    read = [decode_exchange(json.loads(json.dumps(encode_exchange(one)))) for one in exchanges]
    assert page == report_page(json.loads(json.dumps(document)), reversed(read))


def test_a_page_without_the_recording_says_so_and_shows_what_the_verdicts_hold() -> None:
    document, _ = pages.plain()
    page = Page(report_page(document, []))
    assert "3 exchanges that findings name are in no recording that was given" in page.text
    assert "two ends" in page.text
    assert "message_stop" in page.text


def test_a_page_of_nothing_found_says_that_too() -> None:
    page = Page(report_page(*pages.made([pages.seen("MSG-S07")], [exchange()])))
    assert "staging: conformant" in page.text
    assert "Findings None. 1 clause was judged." in page.text
