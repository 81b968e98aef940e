"""What official clients made of a run stands on its page, beside the verdicts, and changes none of them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.clients.accumulating import Played, with_clauses
from llmapi_conformance.reporting.document import write_document
from llmapi_conformance.reporting.html import report_page, write_report
from llmapi_conformance.reporting.html.shown_clients import MOST_TOLD, Beside, Heard
from llmapi_conformance.reporting.played import REPLAY, broken_in, played_document
from tests.reporting import pages
from tests.reporting.test_html import ACTIVE, Page

if TYPE_CHECKING:
    from pathlib import Path


def article(text: str, clause: str) -> str:
    found = re.search(rf'<article class="item" id="{clause}".*?</article>', text, re.DOTALL)
    assert found
    return Page(found[0]).text


def table(text: str, label: str) -> list[list[str]]:
    """The cells of a table of the page, row by row."""
    found = re.search(rf'aria-label="{label}"><table.*?</table>', text, re.DOTALL)
    assert found
    return [
        [Page(cell).text for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr>.*?</tr>", found[0], re.DOTALL)
    ]


@pytest.fixture(scope="module")
def text() -> str:
    return report_page(*pages.plain(), heard=pages.heard())


def test_a_finding_says_beside_its_verdict_what_each_client_made_of_its_streams(text: str) -> None:
    of_stream = article(text, "MSG-S07")
    assert "INFO Official clients, given the recorded streams of these findings; no verdict depends on it" in of_stream
    (stream, *_) = pages.plain()[1]
    assert re.search(r"openai-python 3\.0 raised APIError: .* in 1 stream: " + re.escape(stream.id), of_stream)
    assert f"openai-python 2.0 works in 1 stream: {stream.id}" in of_stream
    assert "Official clients, given this stream" in article(text, "MSG-S01")  # where its whole exchange stands
    assert "Official clients" not in article(text, "WS-H01")  # it is no stream that was played


def test_the_overview_counts_and_says_where_a_clause_and_a_client_disagree(text: str) -> None:
    page = Page(text)
    assert table(text, "Recorded streams by client") == [
        ["client", "streams", "worked", "raised", "other text", "ended", "swallowed"],
        ["openai-python 3.0", "1", "·", "1", "·", "·", "·"],
        ["openai-python 2.0", "3", "1", "·", "1", "1", "1"],
    ]
    assert re.search(r"openai-python 2\.0 works in 1 stream: \S+ · broken there: MSG-S01, MSG-S07", page.text)
    assert re.search(r"elsewhere#1 · no clause was found broken there", page.text)
    assert re.search(r"openai-python 2\.0 ended without an answer in 1 stream", page.text)
    assert "AUTH-R09" not in re.findall(r"broken there: ([^·]*?) openai", page.text)  # it is only noted


def test_the_table_of_a_run_of_clients_says_what_broke_in_which(text: str) -> None:
    page = Page(text)
    assert table(text, "Clients by surface") == [
        ["client", "chat"],
        ["openai-python 3.0", "1 of 2"],
        ["openai-python 2.0", "not offered"],
    ]
    assert "expected Hello in chat_stream · CHAT-S04" in page.text
    assert "openai-python-2.0: 1 not seen, it is absent" in page.text


def test_what_a_client_raised_is_words_and_not_too_many(text: str) -> None:
    page = Page(text)
    assert len(page.all("script")) == 1
    assert not page.all("img")
    assert not [name for _, those in page.elements for name in those if ACTIVE.match(name)]
    assert not [one for one in text if not one.isprintable() and one != "\n"]
    assert "\\u202eevil" in page.text
    assert "x" * 300 not in text
    assert "characters left out" in page.text


def test_no_verdict_is_changed_and_a_page_without_clients_has_no_such_part(text: str) -> None:
    document, exchanges = pages.plain()
    before = report_page(document, exchanges)
    verdicts = re.compile(r'data-verdict="\w+"')
    assert verdicts.findall(before) == verdicts.findall(text)
    assert 'id="clients"' not in before
    assert ".heard" not in before
    assert document == pages.plain()[0]


def test_ids_stay_unique_and_links_lead_somewhere(text: str) -> None:
    page = Page(text)
    ids = [one["id"] for _, one in page.elements if "id" in one]
    assert len(ids) == len(set(ids))
    links = {one["href"][1:] for one in page.all("a")}
    assert [link for link in links if not link.startswith("?") and link not in ids] == []
    assert "#clients" in {one["href"] for one in page.all("a")}


def test_thousands_of_streams_that_all_break_in_their_own_way_take_little_room() -> None:
    document, exchanges = pages.large(200)
    told = [
        Played(f"openai-python-{version}.0", one.id, "raised", f"{one.id}\x1b" * 1_000)
        for version in range(6)
        for one in exchanges
    ]
    before = report_page(document, exchanges)
    page = report_page(document, exchanges, heard=Heard(played=tuple(with_clauses(told, broken_in(document)))))
    assert len(page.encode()) < 2 * len(before.encode())
    assert f"and {len(told) - MOST_TOLD} more, all in clients-replay.md" in page


def test_lines_of_one_clause_come_client_by_client_the_commonest_first() -> None:
    told = [
        Played("b-2", "x#1", "worked", clauses=("A",)),
        Played("b-2", "x#2", "raised", "E"),
        Played("b-2", "x#3", "raised", "E", ("A",)),
        Played("a-1", "x#1", "worked"),
    ]
    lines = Beside(told).lines(["x#1", "x#2", "x#3", "x#1", "y#1"])
    assert [(one.client, one.outcome, one.streams, one.others) for one in lines.lines] == [
        ("b 2", "raised", "2 streams", "1 other"),
        ("b 2", "worked", "1 stream", ""),
        ("a 1", "worked", "1 stream", ""),
    ]


def written(folder: Path, replay: object) -> str:
    """The page that is made in a folder in which this lies."""
    document, exchanges = pages.plain()
    document = document | {"recording": {"seal": "abc"}}
    write_document(folder / "verdicts.json", document)
    if replay is not None:
        (folder / REPLAY).write_text(replay if isinstance(replay, str) else json.dumps(replay), "utf-8")
    page = folder / "report.html"
    write_report(page, document, exchanges, verdicts=folder / "verdicts.json", recording=folder / "recording.jsonl")
    return page.read_text("utf-8")


def replayed(seal: str) -> dict[str, Any]:
    (stream, *_) = pages.plain()[1]
    return played_document(seal, [Played("openai-python-3.0", stream.id, "raised", "APIError: no")])


def test_what_lies_beside_the_verdicts_is_shown_with_their_own_clauses(tmp_path: Path) -> None:
    text = written(tmp_path, replayed("abc"))
    assert "openai-python 3.0 raised APIError: no in 1 stream" in article(text, "MSG-S07")
    page = Page(text)
    assert "broken there: MSG-S01, MSG-S07" in page.text  # though the file names none
    assert re.search(r"clients-replay\.json ?SHA-256", page.text)


def test_what_was_made_of_another_recording_is_not_shown_and_that_is_said(tmp_path: Path) -> None:
    text = written(tmp_path, replayed("another"))
    assert "APIError" not in text
    assert "clients-replay.json was made of another recording than these verdicts: it is not shown." in Page(text).text


@pytest.mark.parametrize(
    "damaged",
    [
        "{",
        "[]",
        "null",
        {"format": "something"},
        replayed("abc") | {"clients": [{"client": "a"}]},
        replayed("abc") | {"clients": [{"client": "a", "streams": [dict.fromkeys(("exchange", "outcome"), "x")]}]},
        json.dumps(replayed("abc")).replace("raised", "danced"),
    ],
    ids=["cut", "list", "null", "format", "client", "stream", "outcome"],
)
def test_a_damaged_file_is_said_to_be_damaged_and_the_page_is_made_all_the_same(
    tmp_path: Path, damaged: object
) -> None:
    text = written(tmp_path, damaged)
    assert re.search(r"clients-replay\.json is damaged \(\w+\)", Page(text).text)
    assert article(text, "MSG-S07")


def test_without_the_file_there_is_no_such_part(tmp_path: Path) -> None:
    assert 'id="clients"' not in written(tmp_path, None)


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"record": "opening", "version": "1.0", "contract_digest": "ab"}', "[" * 100_000],
    ids=["cut", "list", "no version of the tool", "deep"],
)
def test_a_recording_that_does_not_say_what_made_it_is_said_to_be_so(tmp_path: Path, line: str) -> None:
    (tmp_path / "recording.jsonl").write_text(f"{line}\n", "utf-8")
    assert "unknown: the first line of the recording does not say it" in Page(written(tmp_path, None)).text
