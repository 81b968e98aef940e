"""The clause catalogue: a page for each clause, one for each surface, and the way to all of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from docs.generator.judged import Judged
from docs.generator.sources import stated
from docs.generator.text import bullets, code, first_paragraph, link, plain, table
from llmapi_conformance.contract.clauses import Basis, Level, Status
from llmapi_conformance.reference.faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from docs.generator.sources import Sources
    from llmapi_conformance.contract.clauses import Clause
    from llmapi_conformance.judging.oracle import Oracle
    from llmapi_conformance.reference.fault import Fault

_BROKEN: Final = {
    Level.MUST: "broken, it is `failed`",
    Level.SHOULD: "broken, it is `warned`; with `--strict` it is `failed`",
    Level.INFO: "broken, it is `noted`, which never counts",
}
_ASSUMED: Final = "broken, it is `warned`, also with `--strict`"
_BASES: Final = {
    Basis.DOCUMENTED: "LLMAPI's documentation promises it",
    Basis.PROTOCOL: "the vendor protocol, which the gateway claims to speak, asks for it",
    Basis.STANDARD: "a public standard asks for it",
    Basis.ASSUMED: "our reading where the sources are silent; a target can override its level",
}
_MODES: Final = {
    None: "every answer",
    "plain": "every answer that is no stream",
    "stream": "every stream",
    "websocket": "every opened WebSocket",
}


def catalogue(clauses: Iterable[Clause], judged: Mapping[str, Judged], sources: Sources) -> Iterator[tuple[str, str]]:
    """Every page of the catalogue: its path and its Markdown.

    Args:
        clauses: The registry, in order.
        judged: What judges each.
        sources: What they cite.
    """
    faults = faults_of_clauses()
    surfaces: defaultdict[str, list[Clause]] = defaultdict(list)
    groups: defaultdict[str, list[Clause]] = defaultdict(list)
    for clause in clauses:
        surfaces[clause.surface].append(clause)
        groups[group_of(clause.id)].append(clause)
    yield "clauses/index.md", _index(surfaces)
    for surface, listed in surfaces.items():
        yield f"clauses/{surface}.md", _surface(surface, listed, faults)
        for clause in listed:
            text = _page(clause, judged.get(clause.id, Judged()), faults.get(clause.id, ()), sources)
            yield page_of(clause.id), text + _related(clause, groups[group_of(clause.id)])


def faults_of_clauses() -> dict[str, list[Fault]]:
    """Clause id -> the faults that list it."""
    faults: dict[str, list[Fault]] = {}
    for fault in FAULTS.values():
        for clause in fault.clauses:
            faults.setdefault(clause, []).append(fault)
    return faults


def page_of(clause: str) -> str:
    """Path of the page of a clause."""
    return f"clauses/{clause}.md"


def group_of(clause: str) -> str:
    """The group of a clause: its id without the number."""
    return clause.rstrip("0123456789")


def _index(surfaces: Mapping[str, list[Clause]]) -> str:
    active = [clause for listed in surfaces.values() for clause in listed if clause.status is Status.ACTIVE]
    rows = [
        [
            link(surface, f"{surface}.md"),
            *(str(sum(c.level is level for c in listed if c.status is Status.ACTIVE)) for level in Level),
            str(sum(c.status is Status.ACTIVE for c in listed)),
        ]
        for surface, listed in surfaces.items()
    ]
    rows.append(["all", *(str(sum(c.level is level for c in active)) for level in Level), str(len(active))])
    return (
        "# Clauses\n\n"
        "A clause is one promise of a gateway that can be checked. Each has a page: what is promised, where that is\n"
        "stated, how it is judged, and which faults prove that it is. The search finds clauses by id and by words,\n"
        "and so does\n\n"
        "```console\n$ llmapi-conformance clauses search message_stop\n```\n\n"
        f"{table(['surface', *Level, 'active clauses'], rows)}"
    )


def _surface(surface: str, listed: list[Clause], faults: Mapping[str, list[Fault]]) -> str:
    parts = [f"# Clauses of {surface}\n\n"]
    groups: defaultdict[str, list[Clause]] = defaultdict(list)
    for clause in listed:
        groups[group_of(clause.id)].append(clause)
    for group, members in groups.items():
        rows = [
            [link(c.id, f"{c.id}.md"), _standing(c), plain(c.statement), str(len(faults.get(c.id, ())))]
            for c in members
        ]
        parts.append(f"## {group}\n\n{table(['clause', 'level', 'statement', 'faults'], rows)}\n")
    return "".join(parts)


def _standing(clause: Clause) -> str:
    return str(clause.level) if clause.status is Status.ACTIVE else f"{clause.status}"


def _page(clause: Clause, judged: Judged, faults: Iterable[Fault], sources: Sources) -> str:
    broken = _ASSUMED if clause.basis is Basis.ASSUMED and clause.level is Level.SHOULD else _BROKEN[clause.level]
    facts = [
        ["surface", link(clause.surface, f"{clause.surface}.md")],
        ["level", f"{clause.level}: {broken}"],
        ["basis", f"{clause.basis}: {_BASES[clause.basis]}"],
        ["status", _status(clause)],
        ["since", plain(clause.since)],
    ]
    parts = [
        f"---\ntitle: {clause.id}\n---\n\n# {clause.id}\n\n",
        f"**{plain(clause.statement)}**\n\n",
        table(["", ""], facts),
        f"\n## Where it is stated\n\n{bullets(stated(clause.source, sources))}",
    ]
    if clause.status is Status.ACTIVE:
        parts += [_how_judged(clause, judged), _proof(faults)]
    return "".join(parts)


def _status(clause: Clause) -> str:
    if clause.status is Status.ACTIVE:
        return "active"
    if clause.status is Status.PLANNED:
        return "planned: it gets no verdict yet"
    reason, _, other = clause.reason.partition(":")
    named = f" {link(other, other + '.md')}" if other else ""
    return f"excluded, it gets no verdict: {reason.replace('_', ' ')}{named}"


def _how_judged(clause: Clause, judged: Judged) -> str:
    checks = bullets(code(check) for check in judged.checks)
    parts = [f"\n## How it is judged\n\n{checks}"]
    if judged.scenarios:
        sent = bullets(f"{code(one.name)}: {plain(one.summary)}" for one in judged.scenarios)
        parts.append(f"\nWhat is sent for it:\n\n{sent}")
    if judged.oracles:
        parts.append(f"\nWhat looks at the answers:\n\n{bullets(_oracle(one) for one in judged.oracles)}")
    command = "clients run" if clause.surface == "clients" else f"run -k {clause.id}"
    parts.append(f"\n```console\n$ llmapi-conformance {command}\n```\n")
    return "".join(parts)


def _oracle(oracle: Oracle) -> str:
    text = f"{code(oracle.name)}: {plain(first_paragraph(oracle.function.__doc__))}"
    if oracle.on is None:
        return text
    operations = ", ".join(code(name) for name in oracle.on.operations) or "any operation"
    outcome = {"success": " that succeeds", "error": " that is refused or fails", "any": ""}[oracle.on.outcome]
    return f"{text} It looks at {_MODES[oracle.on.mode]}{outcome} of {operations}, in every scenario."


def _proof(faults: Iterable[Fault]) -> str:
    lines = [
        f"{link(fault.name, f'../faults.md#{fault.name.lower()}')}: {plain(fault.summary)}"
        f" (when: {plain(fault.trigger)})"
        for fault in faults
    ]
    text = (
        "Each of these faults of the reference gateway breaks it, and a run with it has a finding:"
        if lines
        else "No fault of the reference gateway breaks it. Recordings with a deviation prove its oracles in the tests."
    )
    return f"\n## Which faults prove it\n\n{text}\n\n{bullets(lines)}"


def _related(clause: Clause, group: Iterable[Clause]) -> str:
    others = [f"{link(one.id, f'{one.id}.md')}: {plain(one.statement)}" for one in group if one.id != clause.id]
    return f"\n## Related clauses {{ data-search-exclude }}\n\n{bullets(others)}" if others else ""
