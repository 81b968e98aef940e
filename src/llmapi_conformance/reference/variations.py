"""Legal variations of the reference gateway: what differs on the wire, and still must raise no finding."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Variation:
    """One legal change: its name, what it does, and why it is legal."""

    name: str
    summary: str
    basis: str


_ALL: Final = (
    Variation(
        "C1",
        "no space after the colon of `data:` and `event:`, Gemini aside",
        "WHATWG HTML 9.2.6: the space is optional",
    ),
    Variation("C2", "lines of a stream end with CRLF", "WHATWG HTML 9.2.5: LF, CR and CRLF end a line"),
    Variation("C3", "comments, and on Messages pings, between the events before the end", "rules A-S12, section 9"),
    Variation("C4a", "events that come together leave in one write", "a write is no message border in HTTP"),
    Variation("C4b", "one event leaves in many writes", "a write is no message border in HTTP"),
    Variation("C5", "unknown JSON fields everywhere, unknown event types on Messages streams", "rule A-S2: open sets"),
    Variation("C6", "message_delta carries input and cache tokens too", "rule A-S6: cumulative usage"),
    Variation("C8", "message_start counts one output token", "rule A-S6: message_delta has the last word"),
    Variation("C9", "the first Chat delta is the role alone, an empty text delta comes before the end", "rule C-S3"),
    Variation("C12", "JSON answers come chunked, without Content-Length", "RFC 9112 section 6.3"),
    Variation("C16", "[DONE] follows the terminal event of a Responses stream", "rule R-S7: 0 or 1, the last"),
    Variation("V1", "keepalive events on Responses streams", "rule R-S11: they take a sequence number"),
    Variation(
        "V2", "stored Responses can be continued, but neither read nor deleted", "F5.11: only POST is documented"
    ),
    Variation("V3", "a WebSocket turn that fails on the way ends with an error", "section 6: terminal or error"),
    Variation("C17", "pictures come as url where no response_format is asked for", "rule I-N2: either of the two"),
    Variation(
        "V5", "Gemini's answers leave out an index and counts of 0", "proto3 JSON: default values may be omitted"
    ),
    Variation("V6", "one partial picture comes, however many were asked for", "rule I-S1: fewer than asked for"),
    Variation("V10", "submitting a task is answered with its task_id alone", "F7.3: the body was not seen"),
    Variation("V11", "answers tell a task that waits as running; events do not", "F7.17: both are active"),
    Variation("V12", "results come as url where no response_format is asked for", "rule I-N2: either of the two"),
    Variation("V13", "task events carry id and retry", "WHATWG HTML 9.2.6: both are fields of any stream"),
    Variation("V14", "each task event comes twice", "F7.30: clients merge by task_id"),
    Variation("V15", "a general key gets a stream of task events without events", "tension C11: refused or silent"),
    Variation(
        "V16", "cancelling is answered with 202 and {}, and takes 100 ms", "unknown 10: status and body are open"
    ),
    Variation("V17", "the list is in `tasks`, with id, status and model only", "tension C5: its shape is open"),
    Variation("V18", "the reason of a refused task stands in error.type", "F9.12: its place was not seen"),
    Variation("V19", "the 404 of a task names the id that was asked for", "F9.10: only literals are fixed"),
    Variation("V20", "heartbeats come at uneven times, other comments between them", "F7.28: about every 15 seconds"),
    Variation("V21", "task events come two seconds late", "F7.27: when they come is open"),
    Variation(
        "V22", "results are addresses in a storage, in a list of texts", "F7.3, F9.12: where they stand was not seen"
    ),
    Variation("C14", "error messages are worded otherwise; documented literals stay", "F9.10: only literals are fixed"),
)
VARIATIONS: Final[Mapping[str, Variation]] = MappingProxyType({variation.name: variation for variation in _ALL})
_FAMILIES: Final = MappingProxyType({"C4": ("C4a", "C4b")})


def variations_named(names: Iterable[str]) -> frozenset[str]:
    """Return the variations that some names mean; `C4` means `C4a` and `C4b`.

    Raises:
        ValueError: There is no such variation.
    """
    meant = {member for name in names for member in _FAMILIES.get(name, (name,))}
    unknown = sorted(meant.difference(VARIATIONS))
    if unknown:
        raise ValueError(f"unknown variation {unknown[0]!r}: choose among {', '.join(VARIATIONS)}")
    return frozenset(meant)
