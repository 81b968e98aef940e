"""Our generated requests beside stock schemathesis: the same description, the same target, bounded in time.

    python -m benchmarks.generation [--faults F ...] [--seconds N] [--party litellm | --no-party] [--out FILE]

Stock is its command line tool, `st run`, with a configuration that names the right key and model for each operation.
The target is the reference gateway, delayed by 200 ms: conforming, and with each of ten faults. Both tools get it
afresh. With a third party, both get the operations that its target file says it offers, without a delay.

A finding is a kind of failure of an operation. What a tool finds on the conforming gateway is a false alarm, for it
breaks no promise; a fault counts as found when there is a finding of a kind that the fault shows in and that was not
there without it. What is found of a third party has to be read: ``--out`` keeps the reports.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fixtures.generated import operations, roles
from fixtures.targets.third_party import serving
from llmapi_conformance.sending.embedded import embedded_target, start_reference
from llmapi_conformance.target.files import load_target
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llmapi_conformance.target.target import Target

DELAY_MS: Final = 200
SEED: Final = "1"
WORKERS: Final = "16"
"""As many as our concurrency towards the reference gateway; more make stock no faster."""
GRACE: Final = 120.0
"""Seconds beyond the bound after which a tool is stopped."""
KINDS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "server error": (("ERR-G01",), ("ServerError", "ContentTypeServerError")),
    "media type": (("ERR-G02", "HTTP-G05"), ("MissingContentType", "UndefinedContentType", "MalformedMediaType")),
    "no answer": (("ERR-G03", "ERR-G04"), ("Network Error",)),
    "wrong data accepted": (("ERR-G05", "ERR-G06", "ERR-G09"), ("AcceptedNegativeData", "MissingHeaderNotRejected")),
    "correct data refused": (("HTTP-G01", "HTTP-G02"), ("RejectedPositiveData",)),
    "status": (("HTTP-G03", "HTTP-G04", "ERR-G07"), ("UndefinedStatusCode",)),
    "document": (
        ("HTTP-G06", "HTTP-G07", "HTTP-G08", "HTTP-G10", "ERR-G08"),
        ("JsonSchemaError", "MalformedJson", "ContentDeserializationError", "DiscriminatorMismatch"),
    ),
    "header": (("HTTP-G09",), ("MissingHeaders",)),
    "method": (("ERR-M01", "ERR-M02"), ("UnsupportedMethodResponse", "AllowHeaderMismatch")),
    "key": ((), ("IgnoredAuth", "ObjectLevelAuthorizationViolation")),
}
"""Kind of failure -> our clauses, and stock's names."""
OTHER: Final = "other rule"
FAULTS: Final[dict[str, tuple[str, ...]]] = {
    # Faults that only odd requests bring out.
    "N02": ("server error",),
    "N11": ("wrong data accepted",),
    "N20": ("correct data refused",),
    "N31": ("server error",),
    "N36": ("server error",),
    # Faults that hand-written checks find.
    "E01": ("method", "media type", "status"),
    "E04": ("server error",),
    "M11": ("document",),
    "M13": ("wrong data accepted",),
    "M15": ("document", OTHER),
}
"""Fault -> the kinds that it shows in."""
_EXCHANGE: Final = re.compile(r"generated\[(\w+)\]")

Finding = tuple[str, str]
"""Kind, operation id."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool did to a target.

    Attributes:
        tool: ``ours`` or ``stock``.
        target: Fault, party, or ``conforming``.
        requests: How many it sent.
        seconds: Wall seconds, start and report included.
        findings: What it found.
        report: Its own report.
    """

    tool: str
    target: str
    requests: int
    seconds: float
    findings: frozenset[Finding]
    report: Any = field(repr=False)

    def kinds(self) -> dict[str, int]:
        """How many findings of each kind."""
        return {kind: sum(one == kind for one, _ in self.findings) for kind in (*KINDS, OTHER)}


def run(command: list[str], folder: Path, seconds: float, environment: Mapping[str, str]) -> float:
    """Run a tool within its bound; wall seconds."""
    started = time.monotonic()
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command, cwd=folder, env={**os.environ, **environment}, stdout=output, stderr=output, start_new_session=True
        )
        try:
            process.wait(seconds + GRACE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()
    return time.monotonic() - started


def ours(name: str, arguments: list[str], seconds: float, environment: Mapping[str, str]) -> Outcome:
    """Generated cases of the default number, and every rule on their answers."""
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        command = [sys.executable, "-m", "llmapi_conformance", "run", "--report-dir", str(folder), "--seed", SEED]
        command += ["-k", "test_generated or keeps_the_rule", *arguments]
        wall = run(command, folder, seconds, environment)
        document = json.loads((folder / "verdicts.json").read_text("utf-8"))
    found: set[Finding] = set()
    for clause in document["clauses"]:
        kind = next((kind for kind, (clauses, _) in KINDS.items() if clause["id"] in clauses), OTHER)
        for finding in clause["findings"]:
            place = _EXCHANGE.match(finding["exchange"] or "")
            told_as_error = kind == "wrong data accepted" and finding["status"] >= 500
            if clause["verdict"] in ("failed", "warned") and place and not told_as_error:
                found.add((kind, place[1]))
    findings = [clause for clause in document["clauses"] if clause["findings"]]
    return Outcome("ours", name, document["figures"]["requests"], wall, frozenset(found), findings)


def stock(name: str, target: Target, keys: Mapping[str, str], seconds: float) -> Outcome:
    """``st run`` in a folder with a configuration for this target."""
    offered = {one: operation for one, operation in operations().items() if _offers(target, one)}
    by_label = {f"{operation.method} {operation.path}": one for one, operation in operations().items()}
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        (folder / "schemathesis.toml").write_text(configuration(target, keys), "utf-8")
        command = [sys.executable, "-m", "schemathesis.cli", "run", str(tree() / "specs" / "openapi.yaml")]
        command += ["--url", target.base_url, "-w", WORKERS, "--seed", SEED, "--max-time", str(int(seconds))]
        command += ["--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--request-timeout", "15"]
        command += ["--generation-with-security-parameters", "false", "--generation-database", "none", "--no-color"]
        command += ["--report", "json", "--report-json-path", "report.json"]
        command += [part for one in offered for part in ("--include-operation-id", one)]
        wall = run(command, folder, seconds, {})
        try:
            document = json.loads((folder / "report.json").read_text("utf-8"))
        except OSError:
            sys.exit(f"stock left no report on {name}: {(folder / 'output.txt').read_text('utf-8')[-3000:]}")
        document["output"] = (folder / "output.txt").read_text("utf-8")
    found: set[Finding] = set()
    for failure in document["failures"]:
        kind = next((kind for kind, (_, names) in KINDS.items() if failure["type"] in names), OTHER)
        found |= {(kind, by_label.get(label, label)) for label in failure["operations"]}
    for error in document["errors"]:
        kind = next((kind for kind, (_, names) in KINDS.items() if error["title"] in names), "")
        found |= {(kind, by_label.get(label, label)) for label in error.get("operations", [""])} if kind else set()
    sent = document["test_cases"]["generated"] - document["test_cases"]["without_checks"]
    return Outcome("stock", name, sent, wall, frozenset(found), document)


def configuration(target: Target, keys: Mapping[str, str]) -> str:
    """The right key for each operation, and a model that is there where its path names one."""
    lines: list[str] = []
    for one, role in roles().items():
        if role not in keys:
            continue
        lines += ["[[operations]]", f'include-operation-id = "{one}"', f'headers.Authorization = "Bearer {keys[role]}"']
        if "{model}" in operations()[one].path:
            lines.append(f'parameters = {{"path.model" = "{target.roles[role].models[0]}"}}')
    return "\n".join(lines) + "\n"


def _offers(target: Target, operation: str) -> bool:
    described = operations()[operation]
    surface = operations().get(described.alias_of or "", described).surface
    named = target.not_offered.keys()
    return surface in target.offers and not {surface, operation, described.alias_of or operation} & named


@contextlib.contextmanager
def reference(fault: str) -> Iterator[tuple[Target, dict[str, str]]]:
    """The reference gateway, delayed."""
    running = start_reference(fault=fault, delay_ms=DELAY_MS)
    try:
        yield embedded_target(running.announcement)[0], running.announcement["keys"]
    finally:
        running.stop()


def on_reference(fault: str, seconds: float) -> list[Outcome]:
    """Both tools on the reference gateway with a fault, none when empty."""
    name = fault or "conforming"
    arguments = ["--delay-ms", str(DELAY_MS), *(["--fault", fault] if fault else [])]
    with reference(fault) as (target, keys):
        beside = stock(name, target, keys, seconds)
    return [ours(name, arguments, seconds, {}), beside]


def on_party(party: str, seconds: float) -> list[Outcome]:
    """Both tools on somebody else's gateway."""
    outcomes: list[Outcome] = []
    for tool in ("ours", "stock"):
        with serving(party) as (path, variables):
            target, keyring, _ = load_target(path, variables)
            keys = {role: keyring.reveal(role) for role in target.roles}
            if tool == "ours":
                outcomes.append(ours(party, ["--target", str(path)], seconds, variables))
            else:
                outcomes.append(stock(party, target, keys, seconds))
    return outcomes


def rates(outcome: Outcome) -> str:
    """A row: requests, speed, findings of each kind per thousand requests and per minute."""
    thousands, minutes = outcome.requests / 1000, outcome.seconds / 60
    kinds = {kind: count for kind, count in outcome.kinds().items() if count}
    parts = [f"{kind} {count} ({count / thousands:.1f}, {count / minutes:.1f})" for kind, count in kinds.items()]
    speed = f"{outcome.requests} | {outcome.seconds:.0f} s | {outcome.requests / outcome.seconds:.1f}/s"
    return f"| {outcome.target} | {outcome.tool} | {speed} | {'; '.join(parts) or 'nothing'} |"


def main() -> None:
    """Run both tools on every target and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", nargs="*", default=list(FAULTS))
    parser.add_argument("--seconds", type=float, default=60.0, help="bound of a run of stock")
    parser.add_argument("--party", default="litellm")
    parser.add_argument("--no-party", action="store_true")
    parser.add_argument("--out", type=Path, help="write outcomes and reports as JSON")
    arguments = parser.parse_args()
    outcomes = on_reference("", arguments.seconds)
    for fault in arguments.faults:
        outcomes += on_reference(fault, arguments.seconds)
    if not arguments.no_party:
        outcomes += on_party(arguments.party, arguments.seconds)
    print(
        "| target | tool | requests | wall | speed | findings (per 1000 requests, per minute) |",
        "|---" * 6 + "|",
        sep="\n",
    )
    for outcome in outcomes:
        print(rates(outcome))
    usual = {outcome.tool: outcome.findings for outcome in outcomes if outcome.target == "conforming"}
    print("\n| fault | ours | stock |\n|---|---|---|")
    for fault in arguments.faults:
        marks = []
        for tool in ("ours", "stock"):
            outcome = next(one for one in outcomes if (one.tool, one.target) == (tool, fault))
            new = {(kind, one) for kind, one in outcome.findings - usual[tool] if kind in FAULTS.get(fault, KINDS)}
            marks.append(f"found ({len(new)})" if new else "missed")
        print(f"| {fault} | {' | '.join(marks)} |")
    print(f"\nfalse alarms on the conforming gateway: ours {len(usual['ours'])}, stock {len(usual['stock'])}")
    if arguments.out:
        plain = [asdict(one) | {"findings": sorted(one.findings)} for one in outcomes]
        arguments.out.write_text(json.dumps(plain, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
