from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.sending.embedded import start_reference
from llmapi_conformance.target.description import describe, described
from llmapi_conformance.target.files import load_target
from tests.scale.standing import standing_target, tool, verdicts

if TYPE_CHECKING:
    from pathlib import Path

REGIONS = ("eu-1", "us-2")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One target in two regions, and once without any."""
    folder = tmp_path_factory.mktemp("regions")
    running = start_reference()
    try:
        standing = standing_target(folder, running.announcement)
        plain = standing.target.read_text("utf-8")
        for region in ("", *REGIONS):
            (folder / f"{region}.toml").write_text(plain.replace("\n", f'\nregion = "{region}"\n', 1), "utf-8")
            options = ("run", "--target", folder / f"{region}.toml", "-k", "MOD-D01", "--generate", 0)
            status, said = tool(*options, "--report-dir", folder / (region or "none"), environ=standing.environ)
            assert status == 0, said
    finally:
        running.stop()
    return folder


def test_the_region_of_a_target_file_is_in_the_recording_and_comes_out_of_it(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text('name = "t"\nbase_url = "http://t"\nregion = "eu-1"\n[roles."general:openai"]\nkey_env = "K"\n')
    target, _, _ = load_target(path, {"K": "made-up-for-this-test"})
    assert target.region == "eu-1"
    assert described(describe(target)).region == "eu-1"
    path.write_text(path.read_text("utf-8").replace('region = "eu-1"\n', ""), "utf-8")
    assert "region" not in describe(load_target(path, {"K": "made-up-for-this-test"})[0])


def test_reports_say_which_region_it_was(runs: Path) -> None:
    for region in REGIONS:
        assert verdicts(runs / region)["target"]["region"] == region
        assert f"region {region}" in (runs / region / "summary.md").read_text("utf-8")
        assert f"region {region}" in (runs / region / "report.html").read_text("utf-8")
    assert "region" not in (runs / "none" / "summary.md").read_text("utf-8")


def test_a_matrix_tells_regions_apart(runs: Path, tmp_path: Path) -> None:
    status, said = tool("matrix", *(runs / name for name in ("none", *REGIONS)), "-o", tmp_path / "matrix")
    assert status == 0, said
    text = (tmp_path / "matrix" / "matrix.md").read_text("utf-8")
    heads = next(line for line in text.splitlines() if line.startswith("| clauses"))
    assert [head.partition("<br>")[0].strip() for head in heads.split("|")[2:-1]] == [
        "standing",
        *(f"standing ({region})" for region in REGIONS),
    ]


def test_a_history_keeps_regions_in_lines_of_their_own(runs: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'history.db'}"
    status, said = tool("history", "add", *(runs / region for region in REGIONS), "--history-url", url)
    assert status == 0, said
    status, said = tool("history", "show", "--json", "--history-url", url)
    assert status == 0, said
    assert {f"standing ({region})" for region in REGIONS} <= {one["target"] for one in json.loads(said)["series"]}
