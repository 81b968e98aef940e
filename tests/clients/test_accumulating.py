"""Recorded streams are played to a client as they were; what it made of them stands beside what the clauses say."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.clients.accumulating import Played, play, playable, text_of, with_clauses
from llmapi_conformance.clients.catalogue import Client
from llmapi_conformance.clients.environments import folder_of, lacking
from llmapi_conformance.errors import ReportError
from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.reporting.played import (
    broken_in,
    played_document,
    played_lines,
    played_markdown,
    read_played,
    with_played,
)
from llmapi_conformance.tree import tree
from tests.judging.build import exchange

if TYPE_CHECKING:
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange

# A client that joins the text deltas of an Anthropic stream and insists on message_stop; it needs no SDK.
SCRIPT = """
import json, urllib.request
from told import main

def messages_stream(orders):
    body = json.dumps({"model": orders["model"]}).encode()
    answer = urllib.request.urlopen(orders["base_url"] + "/v1/messages", body, 5)
    assert answer.headers["content-type"].startswith("text/event-stream")
    data = [json.loads(line[6:]) for line in answer.read().decode().splitlines() if line.startswith("data: ")]
    if data[-1]["type"] != "message_stop":
        raise LookupError("no message_stop")
    return "".join(one["delta"].get("text", "") for one in data if one["type"] == "content_block_delta")

main({"messages_stream": messages_stream})
"""
CLIENT = Client("anthropic-python", "0.0", "pypi", "some", "general:anthropic", (), script="some.py")


def stream(text: str, *, step: int = 1, stops: bool = True, last: str = "") -> Exchange:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "usage": {"input_tokens": 1}}
    events: list[tuple[str, dict[str, Any]]] = [
        ("message_start", {"type": "message_start", "message": message}),
        ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
        *(("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": one}}) for one in text),
        ("content_block_stop", {"index": 0}),
        ("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}),
        *([("message_stop", {})] if stops else []),
    ]
    if last:  # behind the end, where our own folding no longer looks
        events.insert(-1, ("content_block_delta", {"index": 9, "delta": {"type": "text_delta", "text": last}}))
    return exchange(mode="stream", step=step, events=[(name, {"type": name} | data) for name, data in events])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """With an environment that is our own Python."""
    python = folder_of(CLIENT, tmp_path) / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    shutil.copy(tree() / "fixtures" / "clients" / "told.py", tmp_path)
    (tmp_path / "some.py").write_text(SCRIPT, "utf-8")
    return tmp_path


def played(home: Path, *streams: Exchange) -> list[Played]:
    return asyncio.run(play(CLIENT, home, home, streams))


def test_streams_are_played_each_to_its_own_question(home: Path) -> None:
    texts = ["Hello", "w\u00f6rld \U0001f44b", "again"]
    found = played(home, *(stream(text, step=number) for number, text in enumerate(texts, 1)))
    assert [(one.exchange, one.outcome) for one in found] == [
        (stream(text, step=number).id, "worked") for number, text in enumerate(texts, 1)
    ]


# The same client for JavaScript: it needs no SDK either, and of Node.js its own fetch.
IN_JAVASCRIPT = """
import { main } from "./told.mjs";

async function messages_stream(orders) {
  const url = orders.base_url + "/v1/messages";
  const answer = await fetch(url, { method: "POST", body: JSON.stringify({ model: orders.model }) });
  const lines = (await answer.text()).split("\\n").filter((line) => line.startsWith("data: "));
  const data = lines.map((line) => JSON.parse(line.slice(6)));
  if (data.at(-1).type !== "message_stop") throw new RangeError("no message_stop");
  return data.map((one) => (one.type === "content_block_delta" && one.delta.text) || "").join("");
}
await main([messages_stream]);
"""
NODE = replace(CLIENT, family="anthropic-node", registry="npm", script="some.mjs")


def test_a_client_in_javascript_is_played_to_likewise(home: Path) -> None:
    if lacking(NODE):
        pytest.skip(lacking(NODE))
    (home / "some.mjs").write_text(IN_JAVASCRIPT, "utf-8")
    shutil.copy(tree() / "fixtures" / "clients" / "told.mjs", home)
    streams = [stream("w\u00f6rld \U0001f44b"), stream("Hello", step=2, stops=False), stream("Hello", step=3, last="!")]
    found = asyncio.run(play(NODE, home, home, streams))
    assert [one.outcome for one in found] == ["worked", "raised", "other text"]
    assert found[1].words == "RangeError: no message_stop"


def test_what_a_client_raises_is_told(home: Path) -> None:
    (one,) = played(home, stream("Hello", stops=False))
    assert (one.outcome, one.words) == ("raised", "LookupError: no message_stop")


def test_a_client_that_ends_up_with_another_text_is_told(home: Path) -> None:
    (one,) = played(home, stream("Hello", last="!"))
    assert one.outcome == "other text"
    assert "Hello!" in one.words


def test_only_whole_streams_that_nobody_disturbed_are_played() -> None:
    good = stream("Hello")
    assert good.response is not None
    cut = replace(good, response=replace(good.response, ending=Ending.CUT))
    plain = exchange(body={"type": "message"})
    refused = exchange(mode="stream", status=404, body={"error": {}})
    assert playable([good, cut, plain, refused, replace(good, disturbed=True)]) == [good]
    assert playable([replace(good, operation="countMessageTokens")]) == []


def test_a_stream_of_no_protocol_of_the_client_is_not_played(home: Path) -> None:
    assert played(home, replace(stream("Hello"), operation="createResponse")) == []


def test_the_text_of_a_stream_is_what_its_deltas_add_up_to() -> None:
    assert text_of(stream("Hello")) == "Hello"
    assert text_of(stream("Hello", stops=False)) == ""


def test_a_client_that_swallows_what_a_clause_tells_stands_beside_the_clause() -> None:
    silent = Played("anthropic-python-0.0", "a#1", "worked")
    loud = Played("anthropic-python-0.0", "a#2", "raised", "LookupError: x")
    streams = [silent, loud, replace(silent, exchange="a#3"), replace(loud, exchange="a#4")]
    told = with_clauses(streams, {"a#1": ("MSG-S07",)})
    document = played_document("seal", told)
    (client,) = document["clients"]
    assert (document["level"], client["played"], client["worked"]) == ("INFO", 4, 2)
    assert client["streams"][0]["broken"] == ["MSG-S07"]
    assert played_lines(told) == [
        "anthropic-python-0.0 worked, 1 stream; broken there: MSG-S07 (a#1)",
        "anthropic-python-0.0 raised LookupError: x, 2 streams; no clause was found broken there (a#2 and others)",
    ]
    page = played_markdown(told)
    assert "| anthropic-python-0.0 | 2 | 2 | 0 | 0 | 1 |" in page
    assert "`a#2`, `a#4`" in page


def test_what_is_only_noted_breaks_no_clause() -> None:
    found = [{"verdict": verdict, "exchange": "a#1", "also": ["a#2"]} for verdict in ("noted", "warned")]
    document = {"clauses": [{"id": "X-1", "findings": found[:1]}, {"id": "X-2", "findings": found[1:]}]}
    assert broken_in(document) == {"a#1": ("X-2",), "a#2": ("X-2",)}


def test_what_was_kept_of_a_replay_is_read_back_as_it_was(tmp_path: Path) -> None:
    told = [Played("a-1", "x#1", "raised", "LookupError: \u202e\ud800", ("MSG-S07",)), Played("b-2", "x#1", "worked")]
    path = tmp_path / "clients-replay.json"
    path.write_text(json.dumps(played_document("seal", told)), "utf-8")
    assert read_played(path) == ("seal", told)
    with pytest.raises(ReportError, match="can't be read"):
        read_played(tmp_path / "nothing.json")


def test_a_summary_holds_the_table_once_however_often_it_is_made() -> None:
    one = Played("anthropic-python-0.0", "a#1", "worked")
    once = with_played("# Summary\n\nAll passed.\n", [one])
    again = with_played(once, [one, replace(one, exchange="a#2")])
    assert once.startswith("# Summary\n\nAll passed.\n\n## Recorded streams")
    assert again.count("## Recorded streams") == 1
    assert "| anthropic-python-0.0 | 2 |" in again
