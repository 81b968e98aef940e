"""The house has floors: a package imports only from those below it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import llmapi_conformance

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(llmapi_conformance.__file__).parent
TOP = (
    "cli",
    "__main__",
    "commands",
    "pytest_plugin",
    "run",
    "request",
    "outcome",
    "gating",
    "cleaning",
    "replaying",
    "scenario_fixtures",
    "fleet",
)
FLOORS = (
    *TOP,
    "history",
    "reporting",
    "clients",
    "measuring",
    "judging",
    "passthrough",
    "sending",
    "wire",
    "evidence",
    "target",
    "generating",
    "contract",
    "reference",
)
"""From the top down; ``tree`` and ``errors`` are the ground that all stand on."""
GROUND = ("tree", "errors")


def imports(path: Path) -> Iterator[str]:
    """The packages of ours that a module imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "llmapi_conformance" and len(parts) > 1 and parts[1] != "__version__":
                yield parts[1]


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py")) or [ROOT / f"{package}.py"]


@pytest.mark.parametrize("package", [floor for floor in FLOORS if floor not in TOP])
def test_a_package_imports_only_from_below(package: str) -> None:
    below = {*FLOORS[FLOORS.index(package) :], *GROUND}
    wrong = {(path.name, name) for path in modules(package) for name in imports(path) if name not in below}
    assert not wrong


def test_judging_never_touches_the_wire_or_sending() -> None:
    assert not {name for path in modules("judging") for name in imports(path)} & {"wire", "sending", "reporting"}


def test_the_reference_gateway_knows_nothing_of_the_suite_or_its_specs() -> None:
    for path in modules("reference"):
        assert set(imports(path)) <= {"reference"}, path
        assert "specs" not in {
            part
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            for part in node.value.split("/")
        }, path
