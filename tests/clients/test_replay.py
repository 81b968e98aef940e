"""``clients replay`` puts what a client would have made of a run onto its page, and leaves its verdicts as they are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.clients.catalogue import load_clients
from llmapi_conformance.clients.environments import folder_of
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from pathlib import Path

# It reads all of a stream, and bears no block before the one that it counts as the first.
SCRIPT = """
import json, urllib.request
from told import main

def messages_stream(orders):
    answer = urllib.request.urlopen(orders["base_url"] + "/v1/messages", b"{}", 30)
    data = [json.loads(line[6:]) for line in answer.read().decode().splitlines() if line.startswith("data: ")]
    blocks = []
    for one in data:
        if one["type"] == "content_block_start":
            blocks.append("")
        if one["type"] == "content_block_delta":
            blocks[one["index"]] += one["delta"].get("text", "")
    return "".join(blocks)

main({"messages_stream": messages_stream})
"""
CLIENT = next(one for one in load_clients(tree() / "specs") if one.family == "anthropic-python")
RAISED = f"{CLIENT.family} {CLIENT.version} raised IndexError: list index out of range"


def command(*words: object, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "llmapi_conformance", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a client that is a script of ours in the place of its SDK's Python."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copy(tree() / "fixtures" / "clients" / "told.py", folder)
    (folder / "some.py").write_text(SCRIPT, "utf-8")
    python = folder_of(CLIENT, folder) / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{folder}/some.py'\n", "utf-8")
    python.chmod(0o755)
    (folder_of(CLIENT, folder) / "ready").touch()
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose streams count blocks from 1."""
    folder = tmp_path_factory.mktemp("run") / "seen"
    command("run", "--fault", "S03", "-k", "MSG-S08", "--generate", 0, "--report-dir", folder, status=1)
    return folder


def words(page: Path) -> str:
    return " ".join(re.sub(r"<[^>]*>", "", page.read_text("utf-8")).split())


def test_the_page_says_beside_the_clause_what_the_client_raised_and_making_it_again_keeps_it(
    run: Path, home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "seen"
    shutil.copytree(run, folder)
    page, verdicts = folder / "report.html", (folder / "verdicts.json").read_bytes()
    assert "Official clients" not in words(page)
    told = command("clients", "replay", folder / "recording.jsonl", "--home", home)
    assert str(page) in told.splitlines()  # in one line, to be copied
    shown = page.read_text("utf-8")
    assert RAISED in words(page)
    article = re.search(r'<article class="item" id="MSG-S08".*?</article>', shown, re.DOTALL)
    assert article
    assert "no verdict depends on it" in article[0]
    assert "IndexError: list index out of range" in article[0]
    assert (folder / "verdicts.json").read_bytes() == verdicts
    document = json.loads((folder / "clients-replay.json").read_text("utf-8"))
    assert document["recording"] == json.loads(verdicts)["recording"]["seal"]
    page.unlink()
    command("report", folder)
    assert page.read_text("utf-8") == shown


def test_what_cannot_run_here_is_left_out_and_said_so(run: Path, home: Path, tmp_path: Path) -> None:
    of_node = next(one for one in load_clients(tree() / "specs") if one.family == "anthropic-node")
    folder = tmp_path / "home"
    shutil.copytree(home, folder)
    folder_of(of_node, folder).mkdir(parents=True)
    (folder_of(of_node, folder) / "ready").touch()
    words = ("clients", "replay", run / "recording.jsonl", "--home", folder, "--report-dir", tmp_path)
    told = {}
    for only in ("anthropic", "anthropic-node"):
        chosen = ("--only", CLIENT.name, "--only", of_node.name) if only == "anthropic" else ("--only", of_node.name)
        done = subprocess.run(
            [sys.executable, "-m", "llmapi_conformance", *map(str, (*words, *chosen))],
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
            env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        )
        told[only] = (done.returncode, done.stderr)
    assert told["anthropic"][0] == 0
    assert f"left out: {of_node.name}: it needs Node.js" in told["anthropic"][1]
    assert told["anthropic-node"][0] == 2
    assert "can be run here" in told["anthropic-node"][1]


def test_without_verdicts_no_page_is_made(run: Path, home: Path, tmp_path: Path) -> None:
    shutil.copy(run / "recording.jsonl", tmp_path)
    command("clients", "replay", tmp_path / "recording.jsonl", "--home", home)
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "clients-replay.json",
        "clients-replay.md",
        "recording.jsonl",
    ]
