"""When things came: an exchange as a drawing of a few marks on a line."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import TYPE_CHECKING, Final, NamedTuple

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.reporting.html.bodies import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.reporting.html.bodies import Span

WIDTH: Final = 1_000
"""Units of the drawing from the moment when the request was sent until all had ended."""
SLOTS: Final = 250
"""Bars drawn at most: what falls into the same slot is one bar."""
MIDDLE: Final = 20
"""Height of the line, of 40."""
MOST_STALLS: Final = 50
"""Times in which our own process stood still that are drawn; the sentence counts all."""
_NARROWEST: Final = 8.0
"""Units of the drawing that such a time takes at least."""
_ENDINGS: Final = {
    Ending.CAPPED: "longer than we read",
    Ending.ABORTED: "we hung up",
    Ending.LEFT: "we left",
    Ending.TIMEOUT: "our deadline passed",
}
_BROKEN: Final = (Ending.CUT, Ending.RESET, Ending.TIMEOUT, Ending.CAPPED)


class Arrival(NamedTuple):
    """Bytes that came or went together.

    Attributes:
        at: Seconds after the request was sent.
        size: In bytes.
        sent: Whether they went; else they came.
        telling: Whether the fault is in them.
    """

    at: float
    size: int
    sent: bool = False
    telling: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """One stroke of the drawing: where it stands, from where to where it goes, how it looks, what it says."""

    x: float
    top: int
    bottom: int
    look: str
    title: str


class Standstill(NamedTuple):
    """A time in which our own process stood still: where it begins in the drawing, how wide it is, what it says."""

    x: float
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A drawing and its words.

    Attributes:
        bars: In order of time.
        words: How much came, for the space below.
        summary: One sentence that says the same as the drawing.
        end: When it ended, and how.
        broken: Whether it ended as it ought not to.
        stalls: When our own process stood still; so many as are drawn.
        stalled: A sentence about all of them; empty when there was none.
    """

    bars: tuple[Bar, ...]
    words: str
    summary: str
    end: str
    broken: bool
    stalls: tuple[Standstill, ...] = ()
    stalled: str = ""


def timeline_of(exchange: Exchange, span: Span | None = None) -> Timeline | None:
    """The drawing of an exchange; ``None`` when nothing came back."""
    response = exchange.response
    if response is None:
        return None
    arrivals = arrivals_of(exchange, span)
    ended = max([response.ended_at, response.headers_at, *(one.at for one in arrivals)])
    head = f"head of the answer after {milliseconds(response.headers_at)}"
    broken = response.ending in _BROKEN
    end = f"{milliseconds(ended)}, {_ENDINGS.get(response.ending, response.ending.value)}"
    what, stalled = "frame" if exchange.upgraded else "chunk", stall_sentence(exchange)
    came = [one for one in arrivals if not one.sent]
    words = counted(len(came), what)
    if len(came) < len(arrivals):
        words += f" received, {len(arrivals) - len(came):,} sent"
    between = ""
    if came:
        between = f", the first after {milliseconds(came[0].at)}, the last after {milliseconds(came[-1].at)}"
    return Timeline(
        bars=(
            Bar(_place(response.headers_at, ended), 6, 34, "head", head),
            *_bars(arrivals, ended),
            Bar(WIDTH, 2, 38, "broken" if broken else "end", f"end after {end}"),
        ),
        words=words,
        summary=f"{head.capitalize()}; {words}{between}; end after {end}." + (f" {stalled}" if stalled else ""),
        end=end,
        broken=broken,
        stalls=tuple(_standstills(exchange, ended)),
        stalled=stalled,
    )


def stall_sentence(exchange: Exchange) -> str:
    """When our own process stood still during an exchange, and what that means; empty when it did not."""
    if not exchange.stalls:
        return ""
    lengths = [stall.end - stall.begin for stall in exchange.stalls]
    often = f"for {milliseconds(lengths[0])}"
    if len(lengths) > 1:
        often = f"{len(lengths):,} times, {milliseconds(max(lengths))} at worst, the first time"
    return (
        f"Our own process stood still {often} from {milliseconds(exchange.stalls[0].begin)} on: what came then was "
        "seen only at its end, so times across it say nothing of the gateway, and clauses about times leave them out."
    )


def stalls_together(exchanges: Iterable[Exchange]) -> str:
    """How many exchanges with a gateway our own process stood still in, in one sentence; empty for none."""
    seen = [one for one in exchanges if not one.of_our_upstream]
    worst = [max(stall.end - stall.begin for stall in one.stalls) for one in seen if one.stalls]
    if not worst:
        return ""
    return (
        f"Our own process stood still during {len(worst):,} of {counted(len(seen), 'exchange')}, "
        f"{milliseconds(max(worst))} at worst: clauses about times leave these out."
    )


def arrivals_of(exchange: Exchange, span: Span | None = None) -> list[Arrival]:
    """The chunks of a body, or the frames of a WebSocket, in order."""
    if exchange.upgraded:
        return _frames(exchange, span)
    arrivals, offset = [], 0
    for chunk in exchange.response.chunks if exchange.response else ():
        end = offset + len(chunk.data)
        arrivals.append(Arrival(chunk.at, len(chunk.data), telling=_touches(span, offset, end)))
        offset = end
    if arrivals and span and span[0] >= offset:  # what is missing is missing behind the last one
        arrivals[-1] = arrivals[-1]._replace(telling=True)
    return arrivals


def milliseconds(seconds: float) -> str:
    """A time for people; rounded to the microsecond first, as a recording holds it."""
    value = round(seconds, 6) * 1_000
    if value >= 10_000:
        return f"{value / 1_000:,.2f} s"
    return f"{value:,.1f} ms" if value < 100 else f"{value:,.0f} ms"


def _frames(exchange: Exchange, span: Span | None) -> list[Arrival]:
    telling = {
        message.at
        for message in exchange.conversation
        if not message.sent and _touches(span, message.start, message.end)
    }
    return [
        Arrival(frame.at, len(frame.data), frame.sent, telling=not frame.sent and frame.at in telling)
        for frame in exchange.frames
    ]


def _touches(span: Span | None, start: int, end: int) -> bool:
    return span is not None and span[0] < end and max(span[1], span[0] + 1) > start


def _bars(arrivals: Sequence[Arrival], ended: float) -> Iterator[Bar]:
    """A bar for each slot; what was sent stands above the line when both directions are there."""
    both = any(one.sent for one in arrivals)
    slots: dict[tuple[int, bool], list[Arrival]] = {}
    for one in arrivals:
        slots.setdefault((int(_place(one.at, ended) * SLOTS / WIDTH), one.sent), []).append(one)
    for (_, sent), those in sorted(slots.items()):
        size = sum(one.size for one in those)
        height = min(MIDDLE - 3, 4 + round(log2(size + 1)))
        look = "fault" if any(one.telling for one in those) else "sent" if sent else "chunk"
        title = f"{counted(size, 'byte')} after {milliseconds(those[0].at)}"
        if len(those) > 1:
            title = f"{len(those):,} arrivals, {title} to {milliseconds(those[-1].at)}"
        top = MIDDLE if both and not sent else MIDDLE - height
        bottom = MIDDLE if both and sent else MIDDLE + height
        yield Bar(_place(those[0].at, ended), top, bottom, look, title)


def _standstills(exchange: Exchange, ended: float) -> Iterator[Standstill]:
    """As wide as they were long, and never too narrow to be seen."""
    for stall in exchange.stalls[:MOST_STALLS]:
        x = min(_place(stall.begin, ended), WIDTH - _NARROWEST)
        width = max(_NARROWEST, _place(stall.end, ended) - x)
        title = f"our own process stood still for {milliseconds(stall.end - stall.begin)}"
        yield Standstill(x, round(width, 1), f"{title} from {milliseconds(stall.begin)} on")


def _place(at: float, ended: float) -> float:
    return round(min(max(at / ended if ended else 0.0, 0.0), 1.0) * WIDTH, 1)
