"""Verifying a bundle: whether each member is the one that its manifest names, and what can be said of each."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from llmapi_conformance.errors import ReportError
from llmapi_conformance.reporting.bundle import MANIFEST, MEMBERS, MOST_BYTES, digests_in, unpacked
from llmapi_conformance.reporting.verifying import Said, State, verify

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAGIC: Final = b"PK\x03\x04"


def is_bundle(path: Path) -> bool:
    """Whether a file is a zip file, or says so by its name."""
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC or path.suffix == ".zip"
    except OSError:
        return False


def verify_bundle(path: Path, public_key: Path | None = None) -> Iterator[Said]:
    """Say of a bundle, and of each of its members that can tell something, whether it is whole and unaltered.

    Args:
        path: The bundle.
        public_key: Of who ought to have signed its statement.
    """
    try:
        members = unpacked(_bytes_of(path))
        said = _by_manifest(path, members)
    except ReportError as error:
        yield Said(path, State.ALTERED, str(error))
        return
    yield said
    with tempfile.TemporaryDirectory(prefix="llmapi-conformance-") as folder:
        for name, data in members.items():
            (Path(folder) / name).write_bytes(data)
        for one in verify(Path(folder), public_key):
            yield replace(one, path=path / one.path.name, sentence=one.sentence.replace(f"{folder}/", ""))


def _bytes_of(path: Path) -> bytes:
    if path.stat().st_size > MOST_BYTES:
        raise ReportError(f"it has more than {MOST_BYTES:,} bytes; no bundle has")
    return path.read_bytes()


def _by_manifest(path: Path, members: dict[str, bytes]) -> Said:
    if MANIFEST not in members:
        raise ReportError(f"it has no {MANIFEST}")
    listed = digests_in(members[MANIFEST])
    there = {name: hashlib.sha256(data).hexdigest() for name, data in members.items() if name != MANIFEST}
    wrong = [f"{name} was altered" for name in sorted(listed) if name in there and there[name] != listed[name]]
    wrong += [f"{name[:80]!a} is missing" for name in sorted(listed.keys() - there.keys())]
    wrong += [f"{name} is not in {MANIFEST}" for name in sorted(there.keys() - listed.keys())]
    wrong += [
        f"{name} is missing, and {MANIFEST} does not tell" for name in sorted(MEMBERS - listed.keys() - {MANIFEST})
    ]
    if wrong:
        return Said(path, State.ALTERED, "altered: " + "; ".join(wrong))
    return Said(path, State.WHOLE, f"whole: {len(there)} files, each as {MANIFEST} says")
