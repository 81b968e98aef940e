"""Where a clause is stated, in words and links: pages and facts of the documentation, rules, standards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docs.generator.text import link, plain
from llmapi_conformance.contract.files import read_yaml
from llmapi_conformance.reference.faults import FAULTS
from llmapi_conformance.reference.variations import VARIATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from llmapi_conformance.contract.clauses import Source


@dataclass(frozen=True, slots=True)
class Sources:
    """What ``specs/`` says of the sources that clauses cite.

    Attributes:
        site: Where the documentation is.
        pages: Its pages, by code.
        facts: Number -> the fact, in our words.
        families: Family of rules -> the protocol and its part that they are about.
        references: Code of a reference -> its title.
    """

    site: str
    pages: Mapping[str, Mapping[str, Any]]
    facts: Mapping[str, Mapping[str, Any]]
    families: Mapping[str, str]
    references: Mapping[str, str]


def load_sources(specs: Path) -> Sources:
    """Read them.

    Raises:
        ContractError: A file is not valid.
    """
    data = read_yaml(specs / "sources.yaml", "sources")
    facts = read_yaml(specs / "facts.yaml", "facts")["facts"]
    return Sources(
        site=data["site"],
        pages={page["code"]: page for page in data["pages"]},
        facts={fact["number"]: fact for fact in facts},
        families={rule["family"]: f"{rule['protocol']}, {rule['part']}" for rule in reversed(data["rules"])},
        references={reference["code"]: reference["title"] for reference in data["references"]},
    )


def stated(source: Source, sources: Sources) -> Iterator[str]:
    """A line (Markdown) for each source of a clause."""
    if source.page:
        page = sources.pages[source.page]
        yield f"LLMAPI's documentation, page {link(page['title'], sources.site + page['path'])}"
    for number in source.facts:
        yield f"fact {number}: {plain(sources.facts[number]['text'])}"
    for rule in source.rules:
        yield f"rule {plain(rule)} of the wire grammars ({plain(sources.families[_family(rule, sources)])})"
    for reference in source.refs:
        yield _reference(reference, sources)


def provenance(thread: str) -> str:
    """A public thread that reports a defect, as a link where its name tells the address."""
    if thread.startswith("CVE-"):
        return link(thread, f"https://www.cve.org/CVERecord?id={thread}")
    if thread.startswith("GHSA-"):
        return link(thread, f"https://github.com/advisories/{thread}")
    return plain(thread)


def _family(rule: str, sources: Sources) -> str:
    numbered = re.match(r"(.*?)\d+$", rule)
    family = numbered[1] if numbered else rule.partition("-")[0]
    return family if family in sources.families else family.partition("-")[0]


def _reference(reference: str, sources: Sources) -> str:
    known = max((one for one in sources.references if reference.startswith(one)), key=len)
    rest = reference.removeprefix(known).strip(" -")
    title = plain(sources.references[known])
    number = rest.partition(" ")[0]
    if known == "defect" and number in FAULTS:
        return f"defect {link(number, f'../faults.md#{number.lower()}')}, seen in real gateways"
    if known == "variation" and number in VARIATIONS:
        return f"legal variation {link(number, f'../faults.md#{number.lower()}')}: {plain(VARIATIONS[number].summary)}"
    address = _address(known, rest)
    return f"{link(reference, address) if address else plain(reference)} ({title})"


def _address(known: str, rest: str) -> str:
    number = rest.partition(" ")[0]
    if known.startswith("RFC "):
        section = f"#section-{number}" if re.fullmatch(r"[\d.]+", number) else ""
        return f"https://www.rfc-editor.org/rfc/rfc{known.removeprefix('RFC ')}{section}"
    if known == "CWE":
        return f"https://cwe.mitre.org/data/definitions/{number}.html"
    return {
        "WHATWG-SSE": "https://html.spec.whatwg.org/multipage/server-sent-events.html",
        "OWASP-API": "https://owasp.org/API-Security/editions/2023/en/0x11-t10/",
    }.get(known, "")
