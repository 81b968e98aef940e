"""The files of a capsule that people and other tools read."""

from __future__ import annotations

import json
import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from llmapi_conformance.evidence.encoding import encode_exchange
from llmapi_conformance.evidence.har import to_har
from llmapi_conformance.evidence.recording import Recording
from llmapi_conformance.reporting.curl import body_file, curl_line, variables
from llmapi_conformance.reporting.excerpt import printable
from llmapi_conformance.wire.message import encode_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange, Headers
    from llmapi_conformance.evidence.recording import Opening

_WIDTH = 100
_FILES = {
    "curl.sh": "the request as a shell script; the keys are variables that you export",
    "request.http": "the request as it was sent, keys replaced by markers",
    "response.http": "the answer: its head as received, and its body without transfer and content coding",
    "chunks.jsonl": "the body as it arrived: bytes, and seconds after the request was sent",
    "frames.jsonl": "every WebSocket frame of both sides, with seconds after the handshake was sent",
    "exchange.har": "the same for a browser's network panel and other tools",
    "recording.jsonl": "what the check looked at, sealed: llmapi-conformance judge and verify read it",
    "capsule.json": "all of this page as data",
}


def write_files(folder: Path, document: Mapping[str, Any], shown: Exchange, opening: Opening) -> None:
    """Write everything but ``capsule.json`` and the recording.

    Raises:
        OSError: The folder can't be written.
    """
    base_url = str(opening.target.get("base_url", ""))
    made = {"curl.sh": _script(document, shown, base_url).encode(), **exchange_files(shown)}
    made["exchange.har"] = _json(to_har(Recording(opening, {shown.id: shown}, {}, None)))
    for name, data in made.items():
        (folder / name).write_bytes(data)
    (folder / "curl.sh").chmod(0o755)
    (folder / "README.txt").write_text(_read_me(document, shown, {*made, "recording.jsonl", "capsule.json"}), "utf-8")


def exchange_files(shown: Exchange) -> dict[str, bytes]:
    """An exchange as files by name: request and answer as they went over the wire, what arrived when, and the body."""
    request = shown.request
    made = {"request.http": _message(f"{request.method} {request.target} HTTP/1.1", request.headers, request.body)}
    if name := body_file(shown):
        made[name] = request.body
    if shown.response is not None:
        head = f"{shown.response.http_version} {shown.response.status}"
        body = b"".join(chunk.data for chunk in shown.response.chunks)
        made["response.http"] = _message(head, shown.response.headers, body)
        encoded = encode_exchange(shown)
        if shown.mode == "websocket":
            made["frames.jsonl"] = _lines(encoded["frames"])
        if shown.response.chunks:
            made["chunks.jsonl"] = _lines(encoded["response"]["chunks"])
    return made


def _read_me(document: Mapping[str, Any], shown: Exchange, files: set[str]) -> str:
    clause, finding, run = document["clause"], document["finding"], document["of"]
    target = f"{run['target']['name']} ({run['target']['base_url']})"
    known = {**_FILES, body_file(shown): "the body of the request, for curl.sh"}
    at = datetime.fromtimestamp(shown.started_at, UTC).isoformat(timespec="milliseconds")
    also = f", and {len(finding['also'])} more exchanges of that run" if finding["also"] else ""
    facts = {
        "statement": clause["statement"],
        "source": clause["source"],
        "expected": finding["expected"],
        "observed": finding["observed"],
        "shown by": f"{shown.id}{also}",
        "sent": f"{shown.request.method} {shown.request.path} to {target}, {at}",
        "answered": _answered(shown),
        "found by": f"{finding['oracle']} in {finding['check']}",
    }
    parts = [
        f"{clause['id']} {finding['verdict']} ({clause['level']}, {clause['basis']})",
        "\n".join(_wrapped(name, printable(str(value))) for name, value in facts.items()),
        "Files\n" + "\n".join(_wrapped(name, what) for name, what in known.items() if name in files),
        "Again\n"
        + "\n".join(
            (
                _wrapped("judge", "llmapi-conformance judge recording.jsonl --report-dir DIR: without any network"),
                _wrapped("send", _how_to_send(document)),
            )
        ),
        textwrap.fill(
            "No key is in this folder: each stands as a marker in double square brackets, such as "
            "[[key:general:openai]]. What was sent with a changed or made-up key says so in the marker. "
            + (
                f"It was taken from a recording with the seal {run['seal']}."
                if run["seal"]
                else "The recording that it was taken from has no seal."
            ),
            _WIDTH,
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _how_to_send(document: Mapping[str, Any]) -> str:
    replay = document["replay"]
    if replay["obstacle"]:
        return (
            f"can't be done with this folder alone: {replay['obstacle']}. Run the check as a whole: "
            f"llmapi-conformance run -k {document['clause']['id']} --target FILE"
        )
    what = "the request" if replay["requests"] == 1 else f"the {replay['requests']} requests of the check, in order"
    return f"llmapi-conformance replay . --target FILE: sends {what} again and judges what comes back"


def _answered(shown: Exchange) -> str:
    response = shown.response
    if response is None:
        return f"not at all: {shown.failure}"
    said = f"status {response.status} after {response.headers_at:.3f} s; the body ended {response.ending.value}"
    return f"{said} after {response.ended_at:.3f} s" + (f" ({response.detail})" if response.detail else "")


def _script(document: Mapping[str, Any], shown: Exchange, base_url: str) -> str:
    clause = document["clause"]
    needed = [
        f': "${{{variable}:?export the key that [[key:{marker}]] stands for}}"'
        for variable, marker in variables(shown).items()
    ]
    return "\n".join(
        (
            "#!/bin/sh",
            f"# {clause['id']}: {printable(clause['statement'])}",
            f"# expected: {_one_line(document['finding']['expected'])}",
            f"# observed: {_one_line(document['finding']['observed'])}",
            "set -eu",
            'cd "$(dirname "$0")"',
            *needed,
            curl_line(shown, base_url),
            "",
        )
    )


def _one_line(text: str) -> str:
    return " ".join(printable(text).split())[:300]


def _wrapped(name: str, value: str) -> str:
    return textwrap.fill(
        value,
        _WIDTH,
        initial_indent=f"  {name:<15} ",
        subsequent_indent=" " * 18,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _message(first: str, headers: Headers, body: bytes) -> bytes:
    lines = [encode_field(first), *(encode_field(name) + b": " + encode_field(value) for name, value in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _lines(values: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in values)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"
