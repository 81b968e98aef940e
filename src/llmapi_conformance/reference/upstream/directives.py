"""The directive language: what the last text of a request tells the upstream to do."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MARK = "@upstream"
"""A line that begins with this word is a directive; the words after it are its content."""

_MOST_CHUNKS = 100_000
_MOST_CALLS = 128
_MOST_SIZES = 64
_LARGEST_PIECE = 65_536
_LONGEST_PAUSE_MS = 60_000
_TOKEN = re.compile(r"[A-Za-z0-9._:~-]{1,128}")

Stop: TypeAlias = Literal["length", "stop_sequence", "filtered"]


class DirectiveError(ValueError):
    """A directive that the upstream does not understand; the message names the word."""


@dataclass(frozen=True, slots=True)
class GivenUsage:
    """Exact token counts: all input, output, and how much of the input came from a cache."""

    input: int
    output: int
    cached: int


@dataclass(frozen=True, slots=True)
class Directive:
    """What the upstream is told to do; the defaults are an answer without a directive.

    Attributes:
        echo: The answer's text is the payload.
        nonce: Ties the log entry to the exchange.
        chunks: Number of text deltas; None: the default cut.
        every: Seconds between deltas.
        delay: Seconds before the first response byte.
        split: The bytes are written in pieces that cut inside characters.
        pieces: The bytes are written in pieces of these sizes, again from the first one when all were used, also across
            events: an event may wait for the next one. Not with `split`.
        usage: Exact usage; None: an estimate.
        tool_calls: The answer ends with so many calls.
        arguments: The argument text of each call; None: `{"n":<i>}`.
        tool: The name of the tool that is called; None: those on offer, one after another.
        text_then_tools: Text before the calls even without `echo`.
        stop: A forced reason for the end.
        thinking: A thought precedes the text: a thinking block (Messages), a reasoning item (Responses), a thought part
            (Gemini); Chat counts it and does not show it. The word `reasoning` means the same.
        status: An HTTP error before anything else.
        retry_after: The Retry-After value of that error, in seconds.
        body: A page or nothing in the place of the error's envelope.
        error: An in-stream error of this code after `after` deltas; not streamed: an HTTP error.
        cut: A TCP reset after `after` deltas; not streamed: before the response.
        eof: The stream ends cleanly after `after` deltas; not streamed: an empty 200 body.
        after: Number of deltas (text first, then tool arguments; of images the partial ones) before `error`, `cut` or
            `eof`.
        hold_until: The token that the answer waits for after its first delta.
        step: The token that each further delta waits for.
        leak_headers: Response headers that a gateway must not pass on.
        ping: The protocol's ping events between the others (`ping` in Messages, `keepalive` in Responses; elsewhere
            without effect).
        comments: SSE comments between the events (in Gemini and on a WebSocket without effect).
    """

    echo: bool = False
    nonce: str | None = None
    chunks: int | None = None
    every: float = 0.0
    delay: float = 0.0
    split: bool = False
    pieces: tuple[int, ...] = ()
    usage: GivenUsage | None = None
    tool_calls: int = 0
    arguments: str | None = None
    tool: str | None = None
    text_then_tools: bool = False
    stop: Stop | None = None
    thinking: bool = False
    status: int | None = None
    retry_after: int | None = None
    body: Literal["html", "empty"] | None = None
    error: int | None = None
    cut: bool = False
    eof: bool = False
    after: int = 0
    hold_until: str | None = None
    step: str | None = None
    leak_headers: bool = False
    ping: bool = False
    comments: bool = False


def read_prompt(text: str) -> tuple[Directive, str]:
    """Find the directive in a text.

    Args:
        text: The last text of a request.

    Returns:
        The directive of the first line that begins with the mark, and the payload: the lines after it. Without such
        a line the default directive and an empty payload.

    Raises:
        DirectiveError: A word or its value is unknown, stands twice, or goes with another word that is missing.
    """
    lines = text.split("\n")
    for number, line in enumerate(lines):
        mark, *words = line.split() or [""]
        if line.startswith(MARK) and mark == MARK:
            return _read_words(words), "\n".join(lines[number + 1 :])
    return Directive(), ""


def find_nonce(body: str) -> str | None:
    """Return the nonce of the last directive in a request body that may not even be JSON, or None."""
    found = re.findall(MARK + r'[^"\\\n]*?\bnonce=(' + _TOKEN.pattern + ")", body)
    return str(found[-1]) if found else None


def _read_words(words: list[str]) -> Directive:
    values: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        reader = _READERS.get(name)
        if reader is None:
            raise DirectiveError(f"no directive has the word {name!r}; see the upstream's directive language")
        field = "thinking" if name == "reasoning" else name.replace("-", "_")
        if field in values:
            raise DirectiveError(f"the directive has the word {name!r} twice")
        try:
            values[field] = reader(value if equals else None)
        except ValueError as error:
            raise DirectiveError(f"the directive's word {word!r} is not understood: {error}") from error
    _check_company(values)
    return Directive(**values)


def _check_company(values: Mapping[str, Any]) -> None:
    """Refuse words that mean nothing without another one."""
    needs = (
        ("retry_after", ("status",)),
        ("body", ("status",)),
        ("after", ("error", "cut", "eof")),
        ("arguments", ("tool_calls",)),
        ("tool", ("tool_calls",)),
        ("text_then_tools", ("tool_calls",)),
    )
    for word, companions in needs:
        if word in values and not values.keys() & set(companions):
            name = "retry-after" if word == "retry_after" else word
            raise DirectiveError(f"the directive's word {name!r} means nothing without {' or '.join(companions)}")
    if values.keys() >= {"split", "pieces"}:
        raise DirectiveError("the bytes are cut in one way, but the directive has split and pieces")
    ends = [word for word in ("error", "cut", "eof") if word in values]
    if len(ends) > 1:
        raise DirectiveError(f"a stream ends in one way, but the directive has {' and '.join(ends)}")


def _flag(value: str | None) -> bool:
    if value is not None:
        raise ValueError("it takes no value")
    return True


def _text(value: str | None) -> str:
    if value is None:
        raise ValueError("it takes a value")
    return value


def _token(value: str | None) -> str:
    if not _TOKEN.fullmatch(_text(value)):
        raise ValueError("a token is up to 128 letters, digits and . _ : ~ -")
    return _text(value)


def _number(least: int, most: int) -> Callable[[str | None], int]:
    def read(value: str | None) -> int:
        digits = _text(value)
        if not re.fullmatch(r"[0-9]{1,12}", digits) or not least <= int(digits) <= most:
            raise ValueError(f"it takes a whole number from {least} to {most}")
        return int(digits)

    return read


def _milliseconds(value: str | None) -> float:
    text = _text(value)
    if not text.endswith("ms"):
        raise ValueError("it takes milliseconds, such as 50ms")
    return _number(0, _LONGEST_PAUSE_MS)(text[:-2]) / 1000


def _choice(*allowed: str) -> Callable[[str | None], str]:
    def read(value: str | None) -> str:
        if value not in allowed:
            raise ValueError(f"it takes one of: {', '.join(allowed)}")
        return value

    return read


def _usage(value: str | None) -> GivenUsage:
    counts = [_number(0, 10**12 - 1)(part) for part in _text(value).split(",")]
    match counts:
        case [total, output]:
            return GivenUsage(total, output, 0)
        case [total, output, cached] if cached <= total:
            return GivenUsage(total, output, cached)
        case _:
            raise ValueError("it takes <in>,<out>[,<cached>], cached no more than in")


def _base64_text(value: str | None) -> str:
    text = _text(value)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("it takes base64url of UTF-8 text") from error


def _sizes(value: str | None) -> tuple[int, ...]:
    parts = _text(value).split(",")
    if len(parts) > _MOST_SIZES:
        raise ValueError(f"it takes {_MOST_SIZES} sizes at most")
    return tuple(_number(1, _LARGEST_PIECE)(part) for part in parts)


def _split(value: str | None) -> bool:
    return bool(_choice("utf8")(value))


_READERS: dict[str, Callable[[str | None], object]] = {
    "echo": _flag,
    "nonce": _token,
    "chunks": _number(1, _MOST_CHUNKS),
    "every": _milliseconds,
    "delay": _milliseconds,
    "split": _split,
    "pieces": _sizes,
    "usage": _usage,
    "tool_calls": _number(1, _MOST_CALLS),
    "arguments": _base64_text,
    "tool": _token,
    "text_then_tools": _flag,
    "stop": _choice("length", "stop_sequence", "filtered"),
    "thinking": _flag,
    "reasoning": _flag,
    "status": _number(400, 599),
    "retry-after": _number(0, 86_400),
    "body": _choice("html", "empty"),
    "error": _number(400, 599),
    "cut": _flag,
    "eof": _flag,
    "after": _number(0, _MOST_CHUNKS),
    "hold-until": _token,
    "step": _token,
    "leak-headers": _flag,
    "ping": _flag,
    "comments": _flag,
}
