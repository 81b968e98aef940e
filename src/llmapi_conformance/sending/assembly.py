"""Puts a request together: final header values for the wire, and what has to be redacted wherever it turns up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from llmapi_conformance.evidence.exchange import Exchange
from llmapi_conformance.wire.capture import (
    captured_frames,
    captured_raw_request,
    captured_request,
    captured_response,
)
from llmapi_conformance.wire.message import Deadlines, Origin, WireRequest, complete_headers, encode_field
from llmapi_conformance.wire.websocket import upgrade_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.evidence.exchange import Frame, Headers, Mode, Request, Response
    from llmapi_conformance.evidence.redaction import Redactor
    from llmapi_conformance.sending.outgoing import Outgoing
    from llmapi_conformance.target.target import Target
    from llmapi_conformance.wire.message import WireAnswer, WireFailure

SHORTEST_SECRET = 8
"""Characters; what is shorter is no key and would be found everywhere."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """One request before redaction: never kept.

    Attributes:
        outgoing: What the scenario asked for.
        wire: For the sender.
        raw: The exact bytes of a request that a client library would refuse, ``None`` for any other.
        secrets: Credential characters -> marker, for redacting request and answer.
    """

    outgoing: Outgoing
    wire: WireRequest
    raw: bytes | None
    secrets: dict[str, str]

    def shown(self, origin: Origin, redactor: Redactor) -> Request:
        """The request as it is kept: keys are markers."""
        if self.raw is not None:
            return captured_raw_request(self.raw, redactor)
        return captured_request(self.wire, complete_headers(self.wire, origin), redactor)


def assemble(
    outgoing: Outgoing, target: Target, role: str, origin: Origin, *, upgrade: bool = False, deflate: bool = False
) -> Assembled:
    """Put a request together for a target.

    Args:
        outgoing: What the scenario asks for.
        target: The gateway.
        role: Whose headers of the target file go along.
        origin: Of the target.
        upgrade: Whether it asks for a WebSocket.
        deflate: Whether it then offers compression.
    """
    prefix = urlsplit(target.base_url).path
    path = prefix + outgoing.target if outgoing.target.startswith("/") else outgoing.target
    query = outgoing.query_key
    if query:
        path += ("&" if "?" in path else "?") + f"key={quote(query.reveal(), safe='')}"
    headers = (
        *((one.header, one.value()) for one in outgoing.auth),
        *outgoing.headers,
        *target.headers,
        *(target.roles[role].headers if role in target.roles else ()),
    )
    limits = target.timeouts
    wire = WireRequest(
        method=outgoing.method,
        target=path,
        headers=headers,
        body=outgoing.body,
        deadlines=Deadlines(limits.connect, limits.first_byte, limits.idle, limits.total),
        body_limit=target.body_cap,
        abort_after_events=outgoing.abort_after_events,
        on_event=outgoing.on_event,
    )
    if upgrade:
        wire = upgrade_request(wire, deflate=deflate)
    secrets = {
        credential.reveal().strip(): f"[[{credential.marker}]]"
        for credential in (*(one.credential for one in outgoing.auth), query)
        if credential and len(credential.reveal().strip()) >= SHORTEST_SECRET
    }
    raw = _raw(outgoing.head, path, headers, outgoing.body, origin) if outgoing.head else None
    return Assembled(outgoing, wire, raw, secrets)


def mode_of(outgoing: Outgoing, response: Response | None) -> Mode:
    """Whether the request asks for server-sent events; where its ``stream`` is no boolean, the answer decides.

    Gemini's path and query ask for them (G-stream), without ``alt=sse`` it answers a plain JSON array; a form asks in a
    field, and a GET in its ``Accept``.
    """
    path, _, query = outgoing.target.partition("?")
    if path.endswith(":streamGenerateContent"):
        forms = {value for name, _, value in (pair.partition("=") for pair in query.split("&")) if name == "alt"}
        return _answered_in(response) if len(forms) > 1 else "stream" if forms == {"sse"} else "plain"
    if outgoing.listens or _gets_events(outgoing) or b'name="stream"\r\n\r\ntrue\r\n' in outgoing.body:
        return "stream"
    try:
        body = json.loads(outgoing.body) if b'"stream"' in outgoing.body else None
    except (ValueError, RecursionError):
        return "plain"
    asked = body.get("stream") if isinstance(body, dict) else None
    if asked is None or isinstance(asked, bool):
        return "stream" if asked else "plain"
    return _answered_in(response)


def _answered_in(response: Response | None) -> Mode:
    """The mode of an answer where its request is ambiguous."""
    heads = response.headers if response else ()
    types = (value.lower() for name, value in heads if name.lower() == "content-type")
    return "stream" if any(value.startswith("text/event-stream") for value in types) else "plain"


def _gets_events(outgoing: Outgoing) -> bool:
    if outgoing.method != "GET":
        return False
    return any(name.lower() == "accept" and "text/event-stream" in value.lower() for name, value in outgoing.headers)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an exchange stands in a recording: the fields of the same names of ``Exchange``."""

    scenario: str
    parameters: str
    step: int
    attempt: int
    operation: str
    role: str


def recorded(
    place: Place,
    assembled: Assembled,
    outcome: WireAnswer | WireFailure,
    origin: Origin,
    redactor: Redactor,
    *,
    mode: Mode | None = None,
    frames: Sequence[Frame] = (),
) -> Exchange:
    """What was sent and what came of it, redacted.

    Args:
        place: In the recording.
        assembled: What was sent.
        outcome: What came back.
        origin: Of the target.
        redactor: Knows every secret but those of this request.
        mode: Plain or stream as ``mode_of`` says, when omitted.
        frames: Of a WebSocket.
    """
    outgoing = assembled.outgoing
    redactor = redactor.with_secrets(assembled.secrets)
    response, failure = captured_response(outcome, redactor)
    return Exchange(
        scenario=place.scenario,
        parameters=place.parameters,
        step=place.step,
        attempt=place.attempt,
        operation=place.operation,
        mode=mode or mode_of(outgoing, response),
        role=place.role,
        request=assembled.shown(origin, redactor),
        response=response,
        failure=failure,
        started_at=outcome.started_at,
        label=outgoing.label,
        disturbed=outgoing.disturbs,
        frames=captured_frames(frames, redactor),
    )


def _raw(head: str, path: str, headers: Headers, body: bytes, origin: Origin) -> bytes:
    """The bytes of a raw request: its own lines first, then ours, then what is missing."""
    line, *own = [part for part in head.split("\r\n") if part]
    method, _, rest = line.partition(" ")
    present = {entry.partition(":")[0].strip().lower() for entry in own}
    lines = [f"{method} {path} {rest.rpartition(' ')[2]}"]
    if "host" not in present:
        lines.append(f"Host: {origin.authority}")
    lines += own
    lines += [f"{name}: {value}" for name, value in headers]
    if "connection" not in present:
        lines.append("Connection: close")
    if not present & {"content-length", "transfer-encoding"} and (body or method in {"POST", "PUT", "PATCH"}):
        lines.append(f"Content-Length: {len(body)}")
    return b"".join(encode_field(entry) + b"\r\n" for entry in (*lines, "")) + body
