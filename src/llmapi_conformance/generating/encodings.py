"""Cases from the correct body itself: the same request written, labelled, packed and framed in other ways.

What no parser can read is refused as invalid JSON (F9.11). What is no JSON, though some parsers read it, is refused
by our reading (RFC 8259 section 9 lets a parser accept more). What a gateway may bear or refuse is ``robust``.
"""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.generating.forms import form_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.generating.cases import Case, Family, Order, Promise

JSON_TYPE: Final = "application/json"
DEPTHS: Final = (100, 1_000, 50_000)
"""Levels of nesting: what a careful parser reads, what a recursive one may not, what none should try."""
LONGEST: Final = 128 * 1024
"""Characters of a huge string; far below any sensible limit of a body."""
_DIGITS: Final = 5_000
_BOMB: Final = 8 * 1024 * 1024
"""Blanks in a body that is a few kilobytes when compressed."""
_MEMBER: Final = "x_conformance"
"""A member that nobody knows, for what ought to be harmless."""

Written = tuple[str, "Promise", bytes]
"""What is special about a body, what is promised, its bytes."""


def encoding_cases(order: Order) -> Iterator[Case]:
    """Every way to write the sample's body."""
    if not order.sample.body:
        return
    if isinstance(order.document, dict):
        yield from _bodies(order, "body.syntax", _no_json(order.sample.body))
        yield from _bodies(order, "body", _equal(order.document))
        yield from _bodies(order, "body.charset", _charsets(order))
        yield from _bodies(order, "body.keys", _keys(order.document))
        yield from _bodies(order, "body.numbers", _numbers(order.sample.body))
        yield from _bodies(order, "body.nesting", _nesting(order))
        yield from _bodies(order, "body.strings", _strings(order))
    else:
        yield from _bodies(order, "body.form", _broken_forms(order))
    yield from _packed(order)
    yield from _framed(order)


def media_cases(order: Order) -> Iterator[Case]:
    """The sample's body under other media types and charset labels, and without any."""
    if not order.sample.body:
        return
    json_body = isinstance(order.document, dict)
    for label, promise in _LABELS if json_body else _FORM_LABELS:
        headers = order.sample.with_header("Content-Type", label)
        about = f"Content-Type: {label}" if label is not None else "no Content-Type"
        yield order.case(about, promise, family="media", where="header.content-type", headers=headers)


_LABELS: Final[tuple[tuple[str | None, Promise], ...]] = (
    ("application/json; charset=utf-8", "served"),  # RFC 9110 section 8.3.1
    ("APPLICATION/JSON", "served"),
    ("application/json;charset=UTF-8", "served"),
    ('application/json; charset="utf-8"', "robust"),
    ("application/json; charset=latin-1", "robust"),
    ("application/json; charset=utf-16", "robust"),
    ("application/json; charset=no-such-charset", "robust"),
    ("application/json; charset=", "robust"),
    ("application/json;;", "robust"),
    ("application/json, text/plain", "robust"),
    ("application/vnd.api+json", "robust"),
    ("text/json", "robust"),
    ("text/plain", "robust"),
    ("text/html", "robust"),
    ("application/xml", "robust"),
    ("application/octet-stream", "robust"),
    ("application/x-www-form-urlencoded", "robust"),
    ("multipart/form-data", "robust"),
    ("multipart/form-data; boundary=", "robust"),
    ("multipart/form-data; boundary=never-there", "robust"),
    ("application/x-ndjson", "robust"),
    ("json", "robust"),
    ("/", "robust"),
    ("*/*", "robust"),
    ("application/" + "x" * 4000, "robust"),
    (None, "robust"),
)
_FORM_LABELS: Final[tuple[tuple[str | None, Promise], ...]] = (
    ("application/json", "refused"),  # a form is no JSON (F9.11)
    ("multipart/form-data", "robust"),
    ("multipart/form-data; boundary=", "robust"),
    ("multipart/form-data; boundary=never-there", "robust"),
    ("multipart/form-data; boundary=" + "b" * 4000, "robust"),
    ("multipart/mixed; boundary=never-there", "robust"),
    ("application/x-www-form-urlencoded", "robust"),
    ("text/plain", "robust"),
    (None, "robust"),
)


def _bodies(order: Order, where: str, written: Iterator[Written], *, family: Family = "encoding") -> Iterator[Case]:
    for about, promise, body in written:
        yield order.case(about, promise, family=family, where=where, body=body)


def _no_json(body: bytes) -> Iterator[Written]:
    """What is no JSON object, or no JSON at all (F9.10, F9.11)."""
    half = body[: len(body) // 2]
    opened = body[:-1]
    for about, text in {
        "no body": b"",
        "blanks alone": b" \r\n\t ",
        "half of the body": half,
        "the last brace is missing": opened,
        "text before the body": b"x" + body,
        "a prefix against script inclusion": b")]}'\n" + body,
        "a NUL byte before the body": b"\0" + body,
        "single quotes": body.replace(b'"', b"'"),
        "member names without quotes": b"{model:1," + body[1:],
        "XML": b'<?xml version="1.0"?><model>any</model>',
        "a form": b"model=any&prompt=Hello&messages=Hello",
        "YAML": b"model: any\nmessages: []\n",
        "an array": b"[" + body + b"]",
        "a string": json.dumps(body.decode("utf-8", "replace")).encode(),
        "a number": b"17",
        "null": b"null",
        "true": b"true",
        "Base64 of the body": b"eyJtb2RlbCI6ImFueSJ9",
        "colons missing": body.replace(b":", b" "),
        "brackets alone": b"[" * 100_000,
        "braces alone": b'{"a":' * 20_000,
    }.items():
        yield about, "refused", text
    for about, text in {
        "a second document behind the body": body + body,
        "text behind the body": body + b" x",
        "a NUL byte behind the body": body + b"\0",
        "a trailing comma": opened + b",}",
        "a comment": b"/* hello */" + body,
        "a comment at the end of the line": b"{// hello\n" + body[1:],
        "NaN": opened + f',"{_MEMBER}":NaN}}'.encode(),
        "Infinity": opened + f',"{_MEMBER}":-Infinity}}'.encode(),
        "a number with a leading zero": opened + f',"{_MEMBER}":007}}'.encode(),
        "a number with a plus": opened + f',"{_MEMBER}":+1}}'.encode(),
        "a hexadecimal number": opened + f',"{_MEMBER}":0x1F}}'.encode(),
        "True as in Python": opened + f',"{_MEMBER}":True}}'.encode(),
        "a line feed in a string": opened + f',"{_MEMBER}":"a\nb"}}'.encode(),
        "a NUL byte in a string": opened + f',"{_MEMBER}":"a\0b"}}'.encode(),
        "an unknown escape": opened + f',"{_MEMBER}":"\\x41"}}'.encode(),
        "half an escape": opened + f',"{_MEMBER}":"\\u12"}}'.encode(),
    }.items():
        yield about, "refused_assumed", text


def _equal(document: dict[str, Any]) -> Iterator[Written]:
    """The same value, written otherwise (RFC 8259 sections 2, 4 and 7)."""
    yield "indented", "served", json.dumps(document, indent="\t").replace("\n", "\r\n").encode()
    yield "members in reverse", "served", json.dumps(dict(reversed(document.items()))).encode()
    yield "blanks around the body", "served", b"\r\n\t " + json.dumps(document).encode() + b" \r\n"
    yield "every character escaped", "served", _escaped(document).encode()


def _escaped(value: Any) -> str:
    """JSON whose strings are written as escapes of UTF-16 units alone."""
    if isinstance(value, str):
        units = value.encode("utf-16-be")
        return '"' + "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2)) + '"'
    if isinstance(value, dict):
        return "{" + ",".join(f"{_escaped(name)}:{_escaped(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_escaped, value)) + "]"
    return json.dumps(value)


def _charsets(order: Order) -> Iterator[Written]:
    """Other encodings than UTF-8, and broken UTF-8 (RFC 8259 section 8.1)."""
    body = order.sample.body
    text = body.decode("utf-8", "replace")
    yield "a byte order mark", "robust", b"\xef\xbb\xbf" + body
    yield "two byte order marks", "robust", b"\xef\xbb\xbf" * 2 + body
    yield "a byte order mark alone", "refused", b"\xef\xbb\xbf"
    for name in ("utf-16-le", "utf-16-be", "utf-16", "utf-32-be", "utf-7"):
        yield f"{name.upper()}", "robust", text.encode(name)
    for about, broken in {
        "a byte that UTF-8 never has": b"\xff",
        "an overlong form": b"\xc0\xaf",
        "a surrogate in UTF-8": b"\xed\xa0\xbd",
        "a code point above the last": b"\xf4\x90\x80\x80",
        "half a character": b"\xe2\x82",
        "Latin-1": "é".encode("latin-1"),
    }.items():
        yield f"{about} in an unknown member", "robust", body[:-1] + f',"{_MEMBER}":"'.encode() + broken + b'"}'
        if (place := _text_place(body)) is not None:
            yield f"{about} in the text", "robust", body[:place] + broken + body[place:]
    yield "half a character at the end", "refused", body[:-1] + b"\xe2\x82"


def _keys(document: dict[str, Any]) -> Iterator[Written]:
    """Members that come twice (RFC 8259 section 4: names should be unique), and odd names."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    for name, value in document.items():
        for about, other in (("again", value), ("and null", None), ("and a number", 17)):
            twice = json.dumps({name: other}).encode()[:-1] + b"," + body[1:]
            yield f"{name} comes twice: first {about}", "robust", twice
    for about, name in {
        "an empty name": "",
        "a name with a NUL": "a\0b",
        "a name of 20000 characters": "n" * 20_000,
        "the name __proto__": "__proto__",
        "the name constructor.prototype": "constructor.prototype",
        "a name with a dot": "messages.0.content",
        "a name in capitals": next(iter(document), "model").upper(),
    }.items():
        yield about, "robust", json.dumps({**document, name: {"a": 1}}).encode()
    yield "10000 unknown members", "robust", json.dumps({**document, **{f"x{n}": n for n in range(10_000)}}).encode()


def _numbers(body: bytes) -> Iterator[Written]:
    """Numbers that not every program can hold, in a member that nobody knows (RFC 8259 section 6)."""
    for number in (
        "9007199254740993",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "1e308",
        "1e999",
        "-1e999",
        "1e-999",
        "-0",
        "-0.0",
        "1E+2",
        "0.1" + "0" * _DIGITS + "1",
        "9" * _DIGITS,
        "1e" + "9" * 30,
    ):
        shown = number if len(number) < 30 else f"{number[:8]}... with {len(number)} characters"
        yield f"the number {shown}", "robust", body[:-1] + f',"{_MEMBER}":{number}}}'.encode()


def _nesting(order: Order) -> Iterator[Written]:
    body = order.sample.body
    for depth in DEPTHS:
        arrays = b"[" * depth + b"]" * depth
        objects = b'{"a":' * depth + b"1" + b"}" * depth
        yield f"{depth} arrays in each other", "robust", body[:-1] + f',"{_MEMBER}":'.encode() + arrays + b"}"
        yield f"{depth} objects in each other", "robust", body[:-1] + f',"{_MEMBER}":'.encode() + objects + b"}"
    for name in order.document:
        # The first of two members that are equal; the parser has to read it in any case.
        deep = b"[" * DEPTHS[1] + b"]" * DEPTHS[1]
        yield f"{DEPTHS[1]} arrays in {name}", "robust", f'{{"{name}":'.encode() + deep + b"," + body[1:]


def _strings(order: Order) -> Iterator[Written]:
    """Strings that trip programs, in a member that nobody knows and in the text itself."""
    document = order.document
    for about, text in {
        "an escaped NUL": "a\\u0000b",
        "half a surrogate pair": "a\\ud83d b",
        "the other half": "a\\ude00 b",
        "a pair in the wrong order": "\\ude00\\ud83d",
        "a byte order mark in it": "\\ufeff",
        "U+2028 and U+2029": "\u2028\u2029",
        "a character outside the first plane": "\U0001f642",
        "right-to-left marks": "\u202e\u2067abc",
        "no characters": "\\ufdd0\\uffff",
        "escape sequences of a terminal": "\\u001b[31m\\u0007",
        "a template": "{{7*7}}${7*7}<%= 7 %>",
        "a path": "../../../../etc/passwd\\u0000",
        "markup": "<script>alert(1)</script>",
        "a header": "a\\r\\nx-evil: 1",
        "SQL": "' OR '1'='1' --",
    }.items():
        body = order.sample.body
        yield f"{about}, in an unknown member", "robust", body[:-1] + f',"{_MEMBER}":"{text}"}}'.encode()
        if (place := _text_place(body)) is not None:
            yield f"{about}, in the text", "robust", body[:place] + text.encode() + body[place:]
    huge = json.dumps({**document, _MEMBER: "x" * LONGEST}).encode()
    yield f"a string of {LONGEST} characters", "robust", huge
    yield (
        "100000 empty strings",
        "robust",
        json.dumps({**document, _MEMBER: [""] * 100_000}, separators=(",", ":")).encode(),
    )


def _text_place(body: bytes) -> int | None:
    """Where the user's text begins: the longest string of the usual samples, in a member of these names."""
    for name in (b'"text":"', b'"prompt":"', b'"input":"', b'"content":"'):
        if name in body:
            return body.index(name) + len(name)
    return None


def _broken_forms(order: Order) -> Iterator[Written]:
    body = order.sample.body
    form = form_of(order.sample.header("Content-Type"), body)
    if form is None:
        return
    line = f"--{form.boundary}".encode()
    yield "no body", "refused", b""
    yield "JSON instead of the form", "robust", b'{"prompt":"Hello"}'
    yield "half of the form", "refused_assumed", body[: len(body) // 2]
    yield "the last line is missing", "robust", body.removesuffix(line + b"--\r\n")
    yield "the last line alone", "robust", line + b"--\r\n"
    yield "lines that end with LF", "robust", body.replace(b"\r\n", b"\n")
    yield "text before the form", "robust", b"preamble\r\n" + body
    yield "text behind the form", "robust", body + b"epilogue"
    yield (
        "every part twice",
        "robust",
        b"".join(line + b"\r\n" + part + b"\r\n" for part in form.parts * 2) + line + b"--\r\n",
    )
    nameless = body.replace(b'; name="', b'; nome="', 1)
    yield "a part without a name", "robust", nameless
    yield "a part without a head", "robust", line + b"\r\n\r\nHello\r\n" + body
    yield "a file name with a path", "robust", body.replace(b'filename="', b'filename="../../')
    yield (
        "1000 empty parts",
        "robust",
        (line + b'\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n') * 1000 + body,
    )


def _packed(order: Order) -> Iterator[Case]:
    """Compressed bodies, with and without a label, and labels without compression (RFC 9110 section 8.4).

    A server that knows no content codings refuses them with 415, or unpacks them.
    """
    body = order.sample.body
    zipped = gzip.compress(body, mtime=0)
    blanks = gzip.compress(b" " * _BOMB + body, mtime=0)
    unreadable: Promise = "refused" if isinstance(order.document, dict) else "robust"
    packings: tuple[tuple[str, str | None, Promise, bytes], ...] = (
        ("gzip, labelled", "gzip", "robust", zipped),
        ("gzip without a label", None, unreadable, zipped),
        ("deflate, labelled", "deflate", "robust", zlib.compress(body)),
        ("raw deflate, labelled", "deflate", "robust", zlib.compress(body)[2:-4]),
        ("deflate without a label", None, unreadable, zlib.compress(body)),
        ("gzip within gzip", "gzip, gzip", "robust", gzip.compress(zipped, mtime=0)),
        ("half of a gzip body", "gzip", "robust", zipped[: len(zipped) // 2]),
        ("gzip with a wrong checksum", "gzip", "robust", zipped[:-8] + bytes(8)),
        ("labelled gzip, and plain", "gzip", "robust", body),
        ("labelled br, and plain", "br", "robust", body),
        ("labelled zstd, and plain", "zstd", "robust", body),
        ("labelled with an unknown coding", "x-no-such-coding", "robust", body),
        ("labelled identity", "identity", "served", body),
        (f"{_BOMB} blanks in {len(blanks)} bytes of gzip", "gzip", "robust", blanks),
    )
    for about, label, promise, packed in packings:
        headers = order.sample.headers if label is None else order.sample.with_header("Content-Encoding", label)
        where = "header.content-encoding" if label else "body.packed"
        yield order.case(about, promise, family="encoding", where=where, headers=headers, body=packed)


def _framed(order: Order) -> Iterator[Case]:
    """The body in chunks, and with its length (RFC 9112 sections 6 and 7.1)."""
    body = order.sample.body
    sizes = {"one chunk": len(body), "two chunks": len(body) // 2 + 1, "chunks of 7 bytes": 7, "chunks of one byte": 1}
    pieces = {about: _chunks(body, size) for about, size in sizes.items() if size > 1 or len(body) < 5_000}
    chunked = order.sample.with_header("Transfer-Encoding", "chunked")
    for about, written in pieces.items():
        yield order.case(
            about,
            "served",
            family="encoding",
            where="header.transfer-encoding",
            headers=chunked,
            body=written + b"0\r\n\r\n",
        )
    whole = _chunks(body, max(len(body), 1))
    for about, written in {
        "a chunk extension": whole.replace(b"\r\n", b";a=b\r\n", 1) + b"0\r\n\r\n",
        "a trailer field": whole + b"0\r\nx-trailer: 1\r\n\r\n",
        "a chunk size in capitals with zeros": b"000"
        + whole.split(b"\r\n", 1)[0].upper()
        + b"\r\n"
        + body
        + b"\r\n0\r\n\r\n",
        "a last chunk of many zeros": whole + b"0000\r\n\r\n",
    }.items():
        yield order.case(
            about, "robust", family="encoding", where="header.transfer-encoding", headers=chunked, body=written
        )
    length = order.sample.with_header("Content-Length", str(len(body)))
    yield order.case("its length announced", "served", family="encoding", where="header.content-length", headers=length)


def _chunks(body: bytes, size: int) -> bytes:
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
