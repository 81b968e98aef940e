"""The image file: what can be known of it where no image can be built."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from shutil import copy, copytree, ignore_patterns

from tests.install.conftest import ROOT, build

CONTAINERFILE = ROOT / "Containerfile"
TEXT = CONTAINERFILE.read_text("utf-8")
HADOLINT = Path(sys.executable).parent / "hadolint"
STAGES = re.split(r"(?m)^FROM ", TEXT)[1:]


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(HADOLINT), str(path)], capture_output=True, text=True, check=False, timeout=400)


def test_its_linter_has_nothing_to_say(tmp_path: Path) -> None:
    done = lint(CONTAINERFILE)
    assert (done.returncode, done.stdout) == (0, "")
    (tmp_path / "Containerfile").write_text(
        TEXT.replace(":3.11-slim-trixie", "").replace("USER 65532:65532", "USER root")
    )
    assert {"DL3006", "DL3002"} <= set(re.findall(r"DL\d{4}", lint(tmp_path / "Containerfile").stdout))


def test_it_ends_as_a_user_without_rights_that_runs_the_tool() -> None:
    assert re.findall(r"(?m)^USER (.*)$", STAGES[-1]) == ["65532:65532"]
    assert re.findall(r"(?m)^ENTRYPOINT (.*)$", STAGES[-1]) == ['["llmapi-conformance"]']
    assert len(STAGES) == 2
    assert "pip" not in STAGES[-1]


def test_everything_that_comes_from_an_index_comes_with_its_hash() -> None:
    installs = re.findall(r"pip [^&\n]*\binstall [^&\n]*", TEXT)
    assert len(installs) == 3
    assert all("--require-hashes" in one or "--no-index --no-deps" in one for one in installs)


def test_what_it_copies_is_not_ignored_and_is_enough_for_the_wheel(wheel: Path, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored
    copied = [word for line in re.findall(r"(?m)^COPY (?!--from)(.*)$", STAGES[0]) for word in line.split()[:-1]]
    assert {Path(name).parts[0] for name in copied} == allowed
    for name in copied:
        source = ROOT / name
        if source.is_dir():
            copytree(source, context / name, ignore=ignore_patterns("__pycache__"))
        else:
            (context / name).parent.mkdir(exist_ok=True)
            copy(source, context / name)
    with zipfile.ZipFile(build(context, tmp_path / "made")) as made, zipfile.ZipFile(wheel) as known:
        assert sorted(made.namelist()) == sorted(known.namelist())
