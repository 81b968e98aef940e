"""The result of a run as an in-toto statement with the predicate ``test-result/v0.1``."""

from __future__ import annotations

import hashlib
import importlib
import json
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.errors import RecordingError, StatementError
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.reporting.past import load_run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://in-toto.io/attestation/test-result/v0.1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
"""What DSSE calls an in-toto statement."""
RECORDING: Final = "recording.jsonl"
VERDICTS: Final = "verdicts.json"
STATEMENT: Final = "statement.json"
_FAILED: Final = frozenset({Verdict.FAILED, Verdict.ERROR})
_WARNED: Final = frozenset({Verdict.WARNED, Verdict.WAIVED})


def statement_of(run: Path, target_file: Path | None = None) -> dict[str, Any]:
    """What can be stated about a run: the digests of its files, what it was made with, and how each clause came out.

    ``PASSED`` is a run with exit status 0 and no warning, ``WARNED`` one with exit status 0 and warned or waived
    clauses. Any other is ``FAILED``, also one that can't be trusted; the subject ``verdicts.json`` says which. Clauses
    that were not judged stand in no list.

    Args:
        run: The folder of the run.
        target_file: Its digest is stated too, when it is given.

    Raises:
        ConformanceError: The recording or the verdicts are missing or damaged, or do not belong together, or the target
            file can't be read.
    """
    recording = read_recording(run / RECORDING, exact=True)
    if recording.damaged:
        raise RecordingError(f"nothing is stated about a damaged recording: {run / RECORDING}: {recording.damaged[0]}")
    verdicts = load_run(run).document
    if not recording.seal or seal_named_by(verdicts) != recording.seal:
        raise RecordingError(
            f"{run / VERDICTS} was not judged from {run / RECORDING} as it is; judge the recording again"
        )
    by_verdict: dict[str, list[str]] = {}
    for clause in verdicts["clauses"]:
        by_verdict.setdefault(clause["verdict"], []).append(clause["id"])
    warned = _named(by_verdict, _WARNED)
    # With a baseline a run that failed nothing new ends with 0.
    passing = "WARNED" if warned or _named(by_verdict, _FAILED) else "PASSED"
    said = {name: verdicts[name] for name in ("exit_status", "headline", "started_at", "ended_at")}
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": RECORDING, "digest": digest_of_file(run / RECORDING)},
            {"name": VERDICTS, "digest": digest_of_file(run / VERDICTS), "annotations": said},
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": "FAILED" if verdicts["exit_status"] else passing,
            "configuration": _configuration(verdicts, target_file),
            "passedTests": _named(by_verdict, {Verdict.PASSED}),
            "warnedTests": warned,
            "failedTests": _named(by_verdict, _FAILED),
        },
    }


def to_bytes(statement: Mapping[str, Any]) -> bytes:
    """A statement as it is written and signed."""
    return json.dumps(statement, ensure_ascii=False, indent=1).encode() + b"\n"


def is_envelope(value: object) -> bool:
    """Whether a JSON value looks like a DSSE envelope, which carries signatures."""
    return isinstance(value, dict) and {"payload", "payloadType", "signatures"} <= value.keys()


def signing() -> ModuleType:
    """The module that signs and checks signatures; it needs the extra ``sign``.

    Raises:
        StatementError: The extra is not installed.
    """
    try:
        return importlib.import_module("llmapi_conformance.reporting.signing")
    except ImportError:
        raise StatementError(
            "signing, and checking a signature, needs the extra 'sign': pip install 'llmapi-conformance[sign]'"
        ) from None


def seal_named_by(verdicts: Mapping[str, Any]) -> str:
    """The seal of the recording that the verdicts were judged from; empty when they name none."""
    recording = verdicts.get("recording")
    seal = recording.get("seal") if isinstance(recording, dict) else None
    return seal if isinstance(seal, str) else ""


def digest_of_file(path: Path) -> dict[str, str]:
    """A digest set with the SHA-256 of a file.

    Raises:
        StatementError: It can't be read.
    """
    try:
        return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    except OSError as error:
        raise StatementError(f"{path} cannot be read: {error.strerror}") from None


def _configuration(verdicts: Mapping[str, Any], target_file: Path | None) -> list[dict[str, Any]]:
    """What the run was made with, as resource descriptors; keys are in none of it."""
    tool = verdicts["tool"]
    target = json.dumps(verdicts["target"], sort_keys=True, separators=(",", ":")).encode()
    described = {
        "name": "target",
        "digest": {"sha256": hashlib.sha256(target).hexdigest()},
        "annotations": {
            "name": verdicts["target"]["name"],
            "base_url": verdicts["target"]["base_url"],
            "profile": verdicts["profile"],
            "selection": verdicts["selection"],
        },
    }
    file = [{"name": target_file.name, "digest": digest_of_file(target_file)}] if target_file else []
    return [
        described,
        *file,
        {"name": "contract", "digest": {"sha256": verdicts["contract"]}},
        {"name": tool["name"], "uri": f"pkg:generic/{tool['name']}@{tool['version']}"},
    ]


def _named(by_verdict: Mapping[str, list[str]], wanted: frozenset[Verdict] | set[Verdict]) -> list[str]:
    return sorted(clause for verdict in wanted for clause in by_verdict.get(verdict, []))
