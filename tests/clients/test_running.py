"""Clients through the pass-through: what is recorded of them, what is not sent, and what no other run judges."""

from __future__ import annotations

import asyncio
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.clients.case import CLIENT_CASE, CLIENTS
from llmapi_conformance.clients.catalogue import Case, Client, load_clients
from llmapi_conformance.clients.environments import folder_of
from llmapi_conformance.clients.running import Site, run_client
from llmapi_conformance.clients.sending import sends
from llmapi_conformance.clients.wanting import obstacle, prompts, wanted
from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.evidence.journal import Journal
from llmapi_conformance.evidence.recording import RecordedResult, Recording, read_recording
from llmapi_conformance.evidence.results import NO_UPSTREAM, ResultStatus
from llmapi_conformance.reporting.clients import case_rows, cells, clients_markdown
from llmapi_conformance.request import EMBEDDED, Request
from llmapi_conformance.run import Run
from llmapi_conformance.sending.embedded import embedded_target, start_reference
from llmapi_conformance.target.description import describe
from llmapi_conformance.target.target import Role, Target
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmapi_conformance.target.keyring import Keyring

# A client that needs no SDK.
SCRIPT = """
import json, urllib.request
from told import main

def chat(orders, key="key"):
    body = {"model": orders["model"], "messages": [{"role": "user", "content": orders["prompt"]}]}
    headers = {"Authorization": "Bearer " + orders[key], "Content-Type": "application/json", "User-Agent": "some/1"}
    request = urllib.request.Request(orders["base_url"] + "/v1/chat/completions", json.dumps(body).encode(), headers)
    return json.load(urllib.request.urlopen(request, None, 10))["choices"][0]["message"]["content"]

def wrong_key(orders):
    return chat(orders, "wrong_key")

def tells_its_key(orders):
    return ["my key is " + orders["key"], {"wrong": orders["wrong_key"]}]

main({case.__name__: case for case in (chat, wrong_key, tells_its_key)})
"""
CASES = (
    Case("chat", "CLI-O01", "chat", value="text"),
    Case("wrong_key", "CLI-O08", "auth", raises="HTTPError", status=401),
    Case("tells_its_key", "CLI-O06", "models", value="true"),
)
SOME = Client("openai-python", "0.0", "pypi", "some", "general:openai", CASES, script="some.py")
ABSENT = replace(SOME, version="0.1")


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Target, Keyring]]:
    """A reference gateway."""
    reference = start_reference()
    yield embedded_target(reference.announcement)
    reference.stop()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, served: tuple[Target, Keyring]) -> Path:
    """The recording of one client that is there and of one that is absent."""
    home = tmp_path_factory.mktemp("clients")
    python = folder_of(SOME, home) / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    shutil.copy(tree() / "fixtures" / "clients" / "told.py", home)
    (home / "some.py").write_text(SCRIPT, "utf-8")
    target, keyring = served
    contract = load_contract(tree())
    path = home / "recording.jsonl"
    offering = describe(replace(target, offers=target.offers | {CLIENTS}))
    selection = {"keyword": "", "fail_on_warned": False, "traffic": "clients"}
    with Journal(
        path,
        tool_version="0",
        contract_digest=contract.digest,
        target=offering,
        profile="gate",
        selection=selection,
    ) as journal:
        site = Site(target, keyring, {}, contract.operations, journal, home, home)

        async def run() -> None:
            await run_client(site, SOME, "", lambda _: None)
            await run_client(site, ABSENT, ABSENT.install, lambda _: None)

        asyncio.run(run())
    return path


@pytest.fixture(scope="module")
def recording(path: Path) -> Recording:
    return read_recording(path)


def test_exchanges_and_what_a_client_told_are_kept_by_case(recording: Recording) -> None:
    assert not recording.damaged
    result = recording.results[CLIENT_CASE, "openai-python-0.0-chat"]
    assert isinstance(result, RecordedResult)
    assert result.value["requests"] == 1
    assert [one.id for one in result.value["exchanges"]] == ["client_case[openai-python-0.0-chat]#1"]
    assert recording.exchanges["client_case[openai-python-0.0-chat]#1"].operation == "createChatCompletion"


def test_no_key_is_kept_not_even_one_that_a_client_tells(path: Path, served: tuple[Target, Keyring]) -> None:
    text = path.read_text("utf-8")
    for role in served[1]:
        assert served[1].reveal(role) not in text
    assert "sk-llmapi-" not in text
    assert "my key is [[key:general:openai]]" in text


def test_a_client_that_works_one_that_does_not_and_one_that_is_absent_stand_in_the_table(
    recording: Recording,
) -> None:
    rows = case_rows(recording, [SOME, ABSENT])
    assert cells(rows) == {
        "openai-python-0.0": {"chat": "works", "errors": "works", "models": "0 of 1"},
        "openai-python-0.1": {"chat": "not offered", "errors": "not offered", "models": "not offered"},
    }
    page = clients_markdown(rows, "some gateway")
    assert "| openai-python-0.0 | works | 0 of 1 | works |" in page
    assert "pip install" in page


def test_what_a_client_sent_is_told_without_values(recording: Recording) -> None:
    operations = {one.id: one for one in load_contract(tree()).operations}
    ((kind,),) = sends(recording, [SOME], operations).values()
    assert (kind["method"], kind["path"], kind["body"]) == ("POST", "/v1/chat/completions", ["messages", "model"])
    assert "authorization" in kind["headers"]


def test_each_version_has_facts_of_its_own_the_newest_by_its_family(recording: Recording) -> None:
    operations = {one.id: one for one in load_contract(tree()).operations}
    older = [replace(one, parameters=one.parameters.replace("-0.0-", "-0.1-")) for one in recording.exchanges.values()]
    both = replace(recording, exchanges={**recording.exchanges, **{one.id: one for one in older}})
    found = sends(both, [SOME, ABSENT], operations)
    assert list(found) == ["openai-python", "openai-python-0.1"]
    assert found["openai-python"] == found["openai-python-0.1"]


def test_a_client_without_its_node_is_not_offered_and_blames_nobody(
    served: tuple[Target, Keyring], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    target, keyring = served
    contract = load_contract(tree())
    in_javascript = replace(SOME, registry="npm", script="some.mjs")
    with Journal(
        tmp_path / "recording.jsonl",
        tool_version="0",
        contract_digest=contract.digest,
        target=describe(target),
        profile="gate",
        selection={"keyword": "", "fail_on_warned": False, "traffic": "clients"},
    ) as journal:
        site = Site(target, keyring, {}, contract.operations, journal, tmp_path, tmp_path)
        asyncio.run(run_client(site, in_javascript, "", lambda _: None))
    rows = case_rows(read_recording(tmp_path / "recording.jsonl"), [in_javascript])
    assert {one.state for one in rows} == {"not_offered"}
    assert "Node.js" in rows[0].words


def test_only_a_recording_of_clients_is_judged_by_their_clauses(path: Path, tmp_path: Path) -> None:
    assert Run(Request(report_dir=tmp_path, replay=str(path))).of_clients
    ordinary = Run(Request(report_dir=tmp_path, target=EMBEDDED, selection={"keyword": "", "fail_on_warned": False}))
    assert not ordinary.of_clients
    assert ordinary.finish(0) == 2
    assert not [one for one in ordinary.results if one.clause.surface == CLIENTS]


CLIENT = next(one for one in load_clients(tree() / "specs") if one.family == "openai-python")
BARE = Target(
    "some", "http://127.0.0.1:1", {"general:openai": Role("general:openai", ("m",))}, offers=frozenset({"chat", "auth"})
)


def case(name: str) -> Case:
    return next(one for one in CLIENT.cases if one.name == name)


def test_a_directive_is_never_sent_where_our_upstream_does_not_hear_it() -> None:
    assert "@upstream" not in "".join(prompts(BARE).values())
    assert obstacle(CLIENT, case("chat_tools"), BARE) == (ResultStatus.NOT_OBSERVED, NO_UPSTREAM)
    assert obstacle(CLIENT, case("chat"), BARE) is None
    assert obstacle(CLIENT, case("wrong_key"), BARE) is None
    assert wanted(CLIENT, case("chat"), BARE)["some"] == "text"


def test_what_a_target_does_not_offer_and_has_no_key_for_is_not_sent() -> None:
    assert obstacle(CLIENT, case("images"), BARE) == (
        ResultStatus.NOT_OFFERED,
        "the target does not offer the surface images",
    )
    declined = replace(BARE, not_offered={"CLI-O01": "for a reason"})
    assert obstacle(CLIENT, case("chat"), declined) == (ResultStatus.NOT_OFFERED, "for a reason")
    headers = replace(BARE, headers=(("x-region", "eu"),))
    assert obstacle(CLIENT, case("chat"), headers) == (
        ResultStatus.NOT_OBSERVED,
        "the target file asks for further headers, which clients do not send",
    )
    nobody = replace(BARE, roles={})
    assert obstacle(CLIENT, case("chat"), nobody) == (ResultStatus.NOT_OBSERVED, "no key for role general:openai")
