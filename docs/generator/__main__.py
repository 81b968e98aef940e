"""Writes the pages of the documentation: those that people wrote, and those that the tool's own data make."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from docs.generator.catalogue import catalogue
from docs.generator.commands import commands_page, plugin_options
from docs.generator.faults import faults_page
from docs.generator.judged import collect
from docs.generator.profiles import profiles_table
from docs.generator.sources import load_sources
from docs.generator.target_reference import EXAMPLES, reference_of
from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.errors import ConformanceError, ContractError
from llmapi_conformance.target.schema import SCHEMAS
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parents[2]
_PIECE: Final = re.compile(r"^<!-- (file|made): (.+?) -->$", re.MULTILINE)


def main() -> None:
    """Write all pages into a folder, with what their site is made by."""
    parser = argparse.ArgumentParser(prog="python -m docs.generator", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "build" / "docs", metavar="DIR")
    output: Path = parser.parse_args().output
    try:
        made = dict(pages())
    except ConformanceError as error:
        sys.exit(f"docs: {error}")
    folder = output / "pages"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs" / "assets", folder / "assets")
    surfaces = dict.fromkeys(clause.surface for clause in load_contract(tree()).clauses.values())
    listed = ", ".join(f'{{ "{surface}" = "clauses/{surface}.md" }}' for surface in surfaces)
    site = (ROOT / "docs" / "zensical.toml").read_text("utf-8").replace('"SURFACES"', listed)
    (output / "zensical.toml").write_text(site, "utf-8")
    for path, text in made.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    print(f"docs: {len(made)} files in {folder}")  # noqa: T201 - a command


def pages() -> Iterator[tuple[str, str]]:
    """Every file of the documentation: its path and its text.

    Raises:
        ContractError: A page asks for something that is not there, or the checks can't be collected.
    """
    made = _pieces()
    for path in sorted((ROOT / "docs" / "pages").rglob("*.md")):
        name = path.relative_to(ROOT / "docs" / "pages").as_posix()
        yield name, _filled(name, path.read_text("utf-8"), made)
    yield "commands.md", commands_page()
    yield "faults.md", faults_page()
    for kind, schema in SCHEMAS.items():
        yield f"schemas/{kind}.schema.json", json.dumps(schema(), indent=2) + "\n"
    yield from catalogue(load_contract(tree()).clauses.values(), collect(), load_sources(tree() / "specs"))


def _pieces() -> Mapping[str, Callable[[], str]]:
    """What a page can ask for in a line ``<!-- made: name -->``."""
    references = {
        f"{kind} file": lambda kind=kind, schema=schema: reference_of(
            schema(), (EXAMPLES / f"{kind}.toml").read_text("utf-8")
        )
        for kind, schema in SCHEMAS.items()
    }
    return {**references, "plugin options": plugin_options, "profiles": profiles_table}


def _filled(name: str, page: str, made: Mapping[str, Callable[[], str]]) -> str:
    def piece(found: re.Match[str]) -> str:
        kind, wanted = found.groups()
        if kind == "file":
            if not (ROOT / wanted).is_file():
                raise ContractError(f"docs/pages/{name} takes in the file {wanted}, which is not there.")
            text = (ROOT / wanted).read_text("utf-8").strip()
            # Below a page's own heading those of another file are a level lower.
            return re.sub(r"^#", "##", text, flags=re.MULTILINE) if found.start() and wanted.endswith(".md") else text
        if wanted not in made:
            raise ContractError(f"docs/pages/{name} asks for {wanted!r}; there is {', '.join(made)}.")
        return made[wanted]().strip()

    return _PIECE.sub(piece, page)


if __name__ == "__main__":
    main()
