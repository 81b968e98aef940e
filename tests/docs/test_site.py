"""The site: whole, without a dead link, asking nobody for anything."""

from __future__ import annotations

import json
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.target.schema import SCHEMAS
from llmapi_conformance.tree import tree

ROOT = Path(__file__).resolve().parents[2]


class Page(HTMLParser):
    """What a page links to, what it loads, and the anchors that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.anchors.add(known.get("id", ""))
        if tag == "a":
            self.links.append(known.get("href", ""))
        elif tag == "link" and known.get("rel") not in ("canonical", "prev", "next"):
            self.loads.append(known.get("href", ""))
        elif "src" in known:
            self.loads.append(known["src"])


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}


def test_every_link_within_the_site_leads_to_a_page_and_an_anchor_of_it(pages: dict[Path, Page]) -> None:
    dead = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or not link:
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = pages.get(there)
            if (known is None and not there.is_file()) or (
                known and parts.fragment and unquote(parts.fragment) not in known.anchors
            ):
                dead.append((path.name, link))
    assert not dead


def test_every_page_can_be_reached_from_the_first(pages: dict[Path, Page], site: Path) -> None:
    seen: set[Path] = set()
    found = {site / "index.html"}
    while found:
        path = found.pop()
        seen.add(path)
        links = (urlsplit(link) for link in pages[path].links)
        there = {(path.parent / unquote(parts.path)).resolve() for parts in links if parts.path and not parts.scheme}
        found |= (there & set(pages)) - seen
    assert set(pages) == seen


def test_a_page_loads_only_what_lies_beside_it(pages: dict[Path, Page]) -> None:
    loads = {(path, load) for path, page in pages.items() for load in page.loads}
    assert loads
    assert not {load for _, load in loads if urlsplit(load).scheme not in ("", "data") or load.startswith("//")}
    assert not {load for path, load in loads if load and not load.startswith("data:") and not exists(path, load)}


def exists(path: Path, load: str) -> bool:
    return (path.parent / unquote(urlsplit(load).path)).is_file()


def test_no_style_sheet_fetches_anything(site: Path) -> None:
    sheets = list(site.rglob("*.css"))
    assert sheets
    assert not [sheet.name for sheet in sheets if "url(http" in sheet.read_text("utf-8").replace('"', "")]


def test_every_page_of_the_navigation_is_there(site: Path) -> None:
    project = tomllib.loads((site.parent / "zensical.toml").read_text("utf-8"))["project"]
    named = list(pages_in(project["nav"]))
    assert not [name for name in named if not (site / name).with_suffix(".html").is_file()]
    written = {path.relative_to(ROOT / "docs" / "pages").as_posix() for path in (ROOT / "docs" / "pages").rglob("*.md")}
    surfaces = {f"clauses/{clause.surface}.md" for clause in load_contract(tree()).clauses.values()}
    assert not (written | surfaces) - set(named), "a page that nobody is led to"


def pages_in(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    inner = nav.values() if isinstance(nav, dict) else nav
    return [name for one in inner for name in pages_in(one)]


def test_the_search_knows_every_clause(site: Path) -> None:
    index = json.loads((site / "search.json").read_text("utf-8"))
    known = json.dumps(index)
    assert all(f"clauses/{path.stem}.html" in known for path in (site / "clauses").glob("*-*.html"))


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_schemas_lie_beside_the_pages(site: Path, kind: str) -> None:
    assert json.loads((site / "schemas" / f"{kind}.schema.json").read_text("utf-8")) == SCHEMAS[kind]()
