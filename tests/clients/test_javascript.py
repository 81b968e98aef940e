"""Scripts in JavaScript keep the protocol of the Python ones, offline: a package made up here is their SDK."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from llmapi_conformance.clients import driving
from llmapi_conformance.clients.accumulating import HELPERS
from llmapi_conformance.clients.catalogue import Client, load_clients
from llmapi_conformance.clients.environments import (
    OLDEST_NODE,
    command_of,
    folder_of,
    install,
    is_installed,
    lacking,
    needs_node,
    script_command,
)
from llmapi_conformance.errors import TargetError
from llmapi_conformance.tree import tree

CLIENTS = load_clients(tree() / "specs")
KEY = "sk-llmapi-of-a-client"
SDK = Client("some-node", "0.0", "npm", "@some/sdk", "general:openai", (), script="some_sdk.mjs")
PACKAGE = {"name": "@some/sdk", "version": "0.0.0", "exports": {"import": "./index.mjs"}}
# An error of the SDK's own, one that nobody waits for, and one that comes when the case is long over.
SCRIPT = """
import { readFileSync } from "node:fs";
import { Broken } from "@some/sdk";
import { main } from "./told.mjs";

function tells(orders) {
  const seen = (name) => readFileSync(`/proc/self/${name}`, "utf8").includes(orders.key);
  return [seen("cmdline"), seen("environ"), orders.key];
}
async function nothing() {}
async function raises(orders) { throw new Broken(404, orders.base_url); }
async function aborts() { throw AbortSignal.abort().reason; }
async function fetches() { await fetch("http://127.0.0.1:1/"); }
async function throws() { throw "a text"; }
async function strays() { Promise.reject(new Broken(500, "stray")); return "all is well"; }
function strays_later() { setTimeout(() => { throw new Broken(500, "later"); }, 1500); return new Promise(() => {}); }
async function waits() { await new Promise((done) => setTimeout(done, 900)); return "waited"; }
function dies() { process.exit(3); }
await main([tells, nothing, raises, aborts, fetches, throws, strays, strays_later, waits, dies]);
"""
needs_a_node = pytest.mark.skipif(bool(lacking(SDK)), reason="no Node.js here")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """With an environment that has the package, and a folder of scripts."""
    package = folder_of(SDK, tmp_path / "home") / "node_modules" / "@some" / "sdk"
    package.mkdir(parents=True)
    (package / "package.json").write_text(json.dumps(PACKAGE), "utf-8")
    (package / "index.mjs").write_text(
        "export class SomeError extends Error {}\n"
        "export class Broken extends SomeError {\n"
        "  constructor(status, text) { super(text); this.status = status; }\n"
        "}\n",
        "utf-8",
    )
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    shutil.copy(tree() / "fixtures" / "clients" / "told.mjs", scripts)
    (scripts / SDK.script).write_text(SCRIPT, "utf-8")
    return tmp_path / "home"


def told(home: Path, *cases: str, seconds: float = 20.0) -> dict[str, Any]:
    orders = {"key": KEY, "cases": [{"label": one, "do": one, "base_url": f"http://{one}"} for one in cases]}
    with driving.new_home() as folder:
        command = script_command(SDK, home, home.parent / "scripts", Path(folder))
        assert KEY not in " ".join(command)
        return asyncio.run(driving.run_script(command, orders, folder=Path(folder), seconds=seconds))


@needs_a_node
@pytest.mark.skipif(not os.path.exists("/proc/self/cmdline"), reason="looks at /proc")  # noqa: PTH110
def test_a_key_reaches_a_script_by_its_input_alone(home: Path) -> None:
    assert told(home, "tells")["tells"]["value"] == [False, False, KEY]


@needs_a_node
def test_what_a_case_raises_is_told_with_its_classes_its_status_and_its_cause(home: Path) -> None:
    found = told(home, "raises", "aborts", "fetches", "throws", "nothing")
    assert found["raises"]["raised"] == {
        "type": "Broken",
        "is": ["Broken", "SomeError"],
        "status": 404,
        "text": "http://raises",
    }
    assert found["aborts"]["raised"]["is"] == ["AbortError", "DOMException"]
    assert found["fetches"]["raised"]["type"] == "TypeError"
    assert found["fetches"]["raised"]["text"].startswith("fetch failed: ")
    assert found["throws"]["raised"] == {"type": "string", "is": [], "status": None, "text": "a text"}
    assert found["nothing"]["value"] is None


@needs_a_node
def test_an_exception_that_nobody_waits_for_is_what_the_case_raised(home: Path) -> None:
    found = told(home, "strays", "raises")
    assert found["strays"]["raised"]["text"] == "stray"
    assert found["raises"]["raised"]["text"] == "http://raises"


@needs_a_node
def test_a_case_has_its_own_deadline_and_does_not_blame_the_next_one(home: Path) -> None:
    found = told(home, "strays_later", "waits", seconds=1.0)
    assert found["strays_later"]["ended"] == "no end within 1 s"
    assert "raised" not in found["waits"]


@needs_a_node
def test_cases_behind_the_end_of_a_script_are_told_as_ended(home: Path) -> None:
    found = told(home, "nothing", "dies", "raises")
    assert found["nothing"]["value"] is None
    assert found["dies"]["ended"].startswith("exit status 3: ")
    assert found["raises"] == found["dies"]


@needs_a_node
@pytest.mark.parametrize("name", ["told.mjs", *sorted({one.script for one in CLIENTS if one.script.endswith(".mjs")})])
def test_scripts_are_javascript(name: str) -> None:
    checked = subprocess.run(
        ["node", "--check", str(tree() / "fixtures" / "clients" / name)],  # noqa: S607 - the one that runs clients
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_scripts_have_no_host_but_the_one_they_are_given() -> None:
    for path in (tree() / "fixtures" / "clients").glob("*.mjs"):
        assert not re.search(r"https?://|process\.env|process\.argv", path.read_text("utf-8")), path.name


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder / "node"


def says(node: Path, text: str) -> None:
    node.write_text(f"#!/bin/sh\necho '{text}'\n", "utf-8")
    node.chmod(0o755)


def test_a_client_is_not_started_without_a_node_that_is_new_enough(node: Path) -> None:
    assert "node" in lacking(SDK)
    says(node, f"v{OLDEST_NODE - 1}.9.0")
    assert lacking(SDK) == f"it needs Node.js {OLDEST_NODE} or newer, and node is v{OLDEST_NODE - 1}.9.0"
    says(node, "")
    assert lacking(SDK).endswith("and node is silent")
    says(node, f"v{OLDEST_NODE}.0.0")
    assert lacking(SDK) == ""


@pytest.mark.usefixtures("node")
def test_a_client_that_is_not_in_javascript_needs_no_node() -> None:
    families = {one.family for one in CLIENTS if needs_node(one)}
    assert families == {"openai-node", "anthropic-node", "genai-node", "codex", "gemini-cli"}
    assert {one.family for one in CLIENTS if lacking(one)} == families


def test_an_sdk_is_installed_by_npm_with_its_version_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sdk = next(one for one in CLIENTS if one.family == "anthropic-node")
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")
    npm.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/npm.txt\n', "utf-8")
    npm.chmod(0o755)
    with pytest.raises(TargetError, match="not where it should be"):
        install(sdk, tmp_path / "home")
    assert not is_installed(sdk, tmp_path / "home")
    start = f"node_modules/{sdk.package}"
    npm.write_text(f"{npm.read_text()}mkdir -p {start}; touch {start}/package.json\n", "utf-8")
    install(sdk, tmp_path / "home")
    assert is_installed(sdk, tmp_path / "home")
    called = (tmp_path / "npm.txt").read_text().split()
    assert called[-1] == f"@anthropic-ai/sdk@{sdk.version}"
    assert "--ignore-scripts" in called
    assert command_of(sdk, tmp_path / "home") == ["node"]


@pytest.mark.parametrize(("family", "operation"), sorted(HELPERS), ids=str)
def test_what_accumulates_a_stream_is_a_case_of_the_client(family: str, operation: str) -> None:
    cases = {case.name for one in CLIENTS if one.family == family for case in one.cases}
    assert HELPERS[family, operation] in cases
