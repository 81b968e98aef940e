"""A bundle: a run as one sealed file that both sides of an acceptance can check, and repeat."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.errors import ReportError
from llmapi_conformance.reporting.again import again
from llmapi_conformance.reporting.excerpt import printable
from llmapi_conformance.reporting.measured import objective_sentence, objectives_by_weight
from llmapi_conformance.reporting.past import load_run
from llmapi_conformance.reporting.statement import (
    PAYLOAD_TYPE,
    RECORDING,
    STATEMENT,
    VERDICTS,
    signing,
    statement_of,
    to_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST: Final = "MANIFEST"
README: Final = "README.txt"
TARGET: Final = "target.json"
FROM_RUN: Final = ("report.html", "summary.md", VERDICTS, "junit.xml", RECORDING)
"""Files of a run that go in; the first four are made of the last."""
MEMBERS: Final = frozenset({*FROM_RUN, TARGET, README, STATEMENT, MANIFEST})
"""Everything that may be in a bundle."""
MOST_BYTES: Final = 1 << 30
"""Of all members together, unpacked."""
_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)
"""The time of every member: the first that the format can tell."""
_MODE: Final = (stat.S_IFREG | 0o644) << 16


def bundle_of(run: Path, key: Path | None = None, *, passphrase: str = "") -> bytes:
    """A bundle; equal bytes for an equal run and key.

    Args:
        run: The folder of the run.
        key: An Ed25519 private key (PEM) that the statement is signed with; not signed when omitted.
        passphrase: Of the key.

    Raises:
        ConformanceError: A file of the run is missing or damaged, or the files do not belong together, or the key can't
            be used.
    """
    document = load_run(run).document
    statement = statement_of(run)
    members = {name: _read(run / name) for name in FROM_RUN}
    members[TARGET] = json.dumps(document["target"], ensure_ascii=False, indent=1).encode() + b"\n"
    members[README] = readme(document, signed=key is not None).encode()
    named = {subject["name"] for subject in statement["subject"]}
    statement["subject"] += [
        {"name": name, "digest": {"sha256": _digest(data)}}
        for name, data in sorted(members.items())
        if name not in named
    ]
    members[STATEMENT] = to_bytes(statement)
    if key is not None:
        envelope = signing().signed(members[STATEMENT], PAYLOAD_TYPE, key, passphrase=passphrase)
        members[STATEMENT] = json.dumps(envelope, indent=1).encode() + b"\n"
    members[MANIFEST] = manifest_of(members)
    return _zipped(members)


def manifest_of(members: Mapping[str, bytes]) -> bytes:
    """A line for each member, as ``sha256sum`` writes and reads it."""
    return "".join(f"{_digest(data)}  {name}\n" for name, data in sorted(members.items())).encode()


def digests_in(manifest: bytes) -> dict[str, str]:
    """Member -> SHA-256 (hex), as a manifest says.

    Raises:
        ReportError: It is none.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(manifest.decode("utf-8", "replace").splitlines(), 1):
        digest, gap, name = line.partition("  ")
        if not gap or len(digest) != 64 or name in found:
            raise ReportError(f"line {number} of {MANIFEST} is no digest of a member")
        found[name] = digest
    return found


def unpacked(data: bytes) -> dict[str, bytes]:
    """The members of a bundle.

    Nothing is written anywhere, so no name leads out of a folder; what no bundle has is refused before it is unpacked.

    Raises:
        ReportError: It is no bundle.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            entries = file.infolist()
            _refuse(entries)
            return {one.filename: file.read(one) for one in entries}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, zlib.error) as error:
        raise ReportError(f"it is damaged, or no zip file: {error}") from None


def _refuse(entries: list[zipfile.ZipInfo]) -> None:
    names = [one.filename for one in entries]
    twice = sorted({printable(name) for name in names if names.count(name) > 1})
    if twice:
        raise ReportError(f"it has two members called {', '.join(twice)}: nobody can tell which one counts")
    strange = sorted(printable(name)[:80] for name in names if name not in MEMBERS)
    if strange:
        raise ReportError(f"it has members that no bundle has: {', '.join(strange[:5])}")
    if any(one.flag_bits & 1 for one in entries):
        raise ReportError("it is encrypted")
    if any(one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for one in entries):
        raise ReportError("it is compressed in a way that no bundle is")
    if (size := sum(one.file_size for one in entries)) > MOST_BYTES:
        raise ReportError(f"it would unpack to {size:,} bytes; a bundle has {MOST_BYTES:,} at most")


def readme(document: Mapping[str, Any], *, signed: bool) -> str:
    """What the bundle is, how to check it with this tool and without, and how to repeat the run."""
    tool = document["tool"]
    target = document["target"]
    digest = hashlib.sha256(json.dumps(target, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    verdicts = document["figures"]["verdicts"]
    lines = [
        f"Conformance of {printable(target['name'])}, {document['started_at']}",
        "",
        f"Result: {document['headline']} (exit status {document['exit_status']})",
        "Clauses: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in verdicts.items()),
        *(f"Objective {entry['verdict']}: {objective_sentence(entry)}" for entry in objectives_by_weight(document)),
        "",
        "What is here",
        "  report.html      the report, for a browser; it loads nothing",
        "  verdicts.json    the same as data; summary.md and junit.xml are made of it",
        "  recording.jsonl  every request and answer, keys taken out, with arrival times; chained to a seal",
        "  target.json      the gateway as the target file described it, without keys",
        f"  statement.json   an in-toto statement about all of these{', signed (DSSE, Ed25519)' if signed else ''}",
        "  MANIFEST         the SHA-256 of each file",
        "",
        "To check it with this tool",
        f"  pip install '{tool['name']}[sign]=={tool['version']}'",
        f"  llmapi-conformance verify BUNDLE.zip{' --public-key public.pem' if signed else ''}",
        "  llmapi-conformance judge recording.jsonl      # comes to the same verdicts, without the gateway",
        "",
        "To check it without",
        "  sha256sum -c MANIFEST",
        *(_SIGNED if signed else ()),
        "",
        "To repeat the run",
        f"  pip install '{tool['name']}=={tool['version']}'",
        f"  {again(document)}",
        f"  contract  SHA-256 {document['contract']}",
        f"  target    SHA-256 {digest} (target.json with sorted keys and no spaces); the keys are yours",
        f"  seal      {(document.get('recording') or {}).get('seal')}",
        "",
    ]
    return "\n".join(lines)


_SIGNED: Final = (
    "  type=application/vnd.in-toto+json",
    "  jq -r .payload statement.json | base64 -d > payload",
    "  { printf 'DSSEv1 %d %s %d ' ${#type} $type $(wc -c < payload); cat payload; } > signed",
    "  jq -r '.signatures[0].sig' statement.json | base64 -d > signature",
    "  openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in signed -sigfile signature",
    "  jq -r '.subject[] | .digest.sha256 + \"  \" + .name' payload | sha256sum -c",
)


def _zipped(members: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever it is made
            entry.external_attr = _MODE
            file.writestr(entry, members[name])
    return made.getvalue()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReportError(
            f"{path} can't be read: {error.strerror}. A bundle needs all of {', '.join(FROM_RUN)}; "
            "'llmapi-conformance judge' makes the others from a recording."
        ) from None
