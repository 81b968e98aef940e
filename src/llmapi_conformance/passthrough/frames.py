"""The frames of a WebSocket that others talk over: read from a copy of the bytes, which go on their way untouched."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from websockets.exceptions import PayloadTooBig
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame as LibraryFrame
from websockets.frames import Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from llmapi_conformance.evidence.exchange import Ending, Frame
from llmapi_conformance.wire.talking import FRAME_LIMIT
from llmapi_conformance.wire.websocket import MESSAGE_LIMIT, client_protocol

if TYPE_CHECKING:
    from websockets.protocol import Protocol

    from llmapi_conformance.evidence.exchange import FrameKind
    from llmapi_conformance.wire.message import WireAnswer, WireRequest
    from llmapi_conformance.wire.reception import Reception

_KINDS: Final[dict[int, FrameKind]] = {
    Opcode.TEXT: "text",
    Opcode.BINARY: "binary",
    Opcode.CLOSE: "close",
    Opcode.PING: "ping",
    Opcode.PONG: "pong",
}
_NO_STATUS = 1005  # stands for a close frame without a code, and never on the wire (RFC 6455 section 7.4.1)
_SILENT = logging.Logger("frames", logging.CRITICAL + 1)  # noqa: LOG001 - belongs to no tree, so nobody can wake it


class Overheard:
    """Both sides of a conversation as far as it was read.

    Attributes:
        frames: Of both sides, in the order in which they were read.
        ending: How it ended, as far as frames show; ``None`` while it goes on.
        detail: One sentence about the ending.
        ended_at: Seconds after the handshake was sent.
    """

    def __init__(self, wire: WireRequest, reception: Reception) -> None:
        """Begin behind a 101."""
        gateway = client_protocol(wire, reception)  # reads what the gateway sends, as its client would
        client = ServerProtocol(state=OPEN, max_size=min(wire.body_limit, MESSAGE_LIMIT), logger=_SILENT)
        client.extensions = [_turned(one) for one in gateway.extensions if isinstance(one, PerMessageDeflate)]
        self._readers: dict[bool, Protocol] = {False: gateway, True: client}
        self._continued: dict[bool, FrameKind] = {False: "text", True: "text"}
        self._room = wire.body_limit
        self._length = 0
        self._digest = hashlib.sha256()
        self.frames: list[Frame] = []
        self.ending: Ending | None = None
        self.detail = ""
        self.ended_at = 0.0

    def feed(self, at: float, data: bytes, *, sent: bool) -> None:
        """Read bytes that arrived at ``at`` seconds: from the client, or from the gateway."""
        if self.ending is not None:
            return
        if not sent:
            self._length += len(data)
            self._digest.update(data)
        self._room -= len(data)
        reader = self._readers[sent]
        reader.receive_data(data)
        for event in reader.events_received():
            if isinstance(event, LibraryFrame):
                self._keep(reader, event, at, sent=sent)
        reader.data_to_send()  # what the library would answer; the two sides answer each other
        if reader.parser_exc is not None:
            self._broken(reader.parser_exc, at, sent=sent)
        elif self.closed(sent=True) and self.closed(sent=False):
            self.end(Ending.COMPLETE, "", at)
        elif self._room < 0:
            self.end(Ending.CAPPED, "more bytes than the limit went both ways: the rest was not kept", at)

    def closed(self, *, sent: bool) -> bool:
        """Whether a side has sent its close frame."""
        return self._readers[sent].close_rcvd is not None

    def end(self, ending: Ending, detail: str, at: float) -> None:
        """Nothing more is kept; the first end counts."""
        if self.ending is None:
            self.ending, self.detail, self.ended_at = ending, detail, at

    def completed(self, answer: WireAnswer) -> WireAnswer:
        """The answer to the handshake with the end of the WebSocket."""
        return replace(
            answer,
            ending=self.ending or answer.ending,
            detail=self.detail if self.ending else answer.detail,
            ended_at=self.ended_at if self.ending else answer.ended_at,
            wire_length=self._length,
            wire_digest=self._digest.hexdigest(),
        )

    def _keep(self, reader: Protocol, frame: LibraryFrame, at: float, *, sent: bool) -> None:
        kind = _KINDS.get(frame.opcode, self._continued[sent])
        data, code = bytes(frame.data), None
        if kind == "close":
            close = reader.close_rcvd
            data = close.reason.encode() if close else b""
            code = None if close is None or close.code == _NO_STATUS else int(close.code)
        elif kind not in ("ping", "pong"):
            self._continued[sent] = kind
        if len(self.frames) >= FRAME_LIMIT:
            self.end(Ending.CAPPED, f"more than the limit of {FRAME_LIMIT} frames went both ways", at)
            return
        self.frames.append(Frame(at, sent=sent, kind=kind, data=data, code=code, final=frame.fin))

    def _broken(self, error: BaseException, at: float, *, sent: bool) -> None:
        if isinstance(error, PayloadTooBig):
            self.end(Ending.CAPPED, "a message is longer than the limit: it was not kept", at)
        elif sent:
            # No fault of the gateway: nobody judges how it bears this.
            self.end(Ending.ABORTED, "the client broke the WebSocket protocol: the rest was not read", at)
        else:
            self.end(Ending.RESET, "the gateway broke the WebSocket protocol: the rest was not read", at)


def _turned(extension: PerMessageDeflate) -> PerMessageDeflate:
    """The compression that was agreed on, from the gateway's side."""
    return PerMessageDeflate(
        remote_no_context_takeover=extension.local_no_context_takeover,
        local_no_context_takeover=True,  # we never compress
        remote_max_window_bits=extension.local_max_window_bits,
        local_max_window_bits=15,
    )
