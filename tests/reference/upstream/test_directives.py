from __future__ import annotations

import pytest

from llmapi_conformance.reference.upstream.directives import (
    Directive,
    DirectiveError,
    GivenUsage,
    find_nonce,
    read_prompt,
)
from tests.reference.upstream.talking import base64url


def test_a_text_without_a_directive_asks_for_nothing() -> None:
    assert read_prompt("please write @upstream echo in a sentence") == (Directive(), "")


def test_the_words_of_the_marked_line_are_the_directive_and_the_lines_after_it_the_payload() -> None:
    directive, payload = read_prompt("first\n@upstream echo chunks=4 every=50ms delay=7ms\none\n\ntwo\u2028three\n")
    assert directive == Directive(echo=True, chunks=4, every=0.05, delay=0.007)
    assert payload == "one\n\ntwo\u2028three\n"


def test_every_word_has_its_field() -> None:
    words = (
        "nonce=n-1 split=utf8 usage=17,5,3 tool_calls=2 text_then_tools stop=length thinking status=429 retry-after=7 "
        "body=html cut after=3 hold-until=t step=s leak-headers ping comments arguments=" + base64url('{"ü":1}')
    )
    assert read_prompt(f"@upstream {words}")[0] == Directive(
        nonce="n-1",
        split=True,
        usage=GivenUsage(17, 5, 3),
        tool_calls=2,
        arguments='{"ü":1}',
        text_then_tools=True,
        stop="length",
        thinking=True,
        status=429,
        retry_after=7,
        body="html",
        cut=True,
        after=3,
        hold_until="t",
        step="s",
        leak_headers=True,
        ping=True,
        comments=True,
    )


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("ecko", "ecko"),
        ("echo echo", "echo"),
        ("echo=1", "echo"),
        ("chunks", "chunks"),
        ("chunks=0", "chunks"),
        ("chunks=-1", "chunks"),
        ("every=50", "every"),
        ("usage=1", "usage"),
        ("usage=1,2,3", "usage"),
        ("usage=a,b", "usage"),
        ("status=200", "status"),
        ("stop=now", "stop"),
        ("split=utf16", "split"),
        ("pieces", "pieces"),
        ("pieces=", "pieces"),
        ("pieces=1,0", "pieces"),
        ("pieces=1,,2", "pieces"),
        ("pieces=65537", "pieces"),
        ("pieces=" + ",".join(["1"] * 65), "pieces"),
        ("split=utf8 pieces=1", "pieces"),
        ("nonce=", "nonce"),
        ("tool_calls=1 arguments=%%", "arguments"),
        ("after=3", "after"),
        ("retry-after=3", "retry-after"),
        ("body=html", "body"),
        ("arguments=e30", "arguments"),
        ("text_then_tools", "text_then_tools"),
        ("cut eof", "cut"),
        ("error=500 cut", "error"),
    ],
)
def test_a_word_that_makes_no_sense_is_refused_by_name(words: str, named: str) -> None:
    with pytest.raises(DirectiveError, match=named):
        read_prompt(f"@upstream {words}\npayload")


def test_pieces_takes_the_sizes_of_the_pieces() -> None:
    assert read_prompt("@upstream pieces=1,7,3")[0] == Directive(pieces=(1, 7, 3))


def test_a_nonce_is_found_in_a_body_that_is_no_json() -> None:
    assert find_nonce('{"x": "@upstream echo nonce=old\\n", "@upstream nonce=new-1 echo\\nnonce=no') == "new-1"
    assert find_nonce('{"x": "nonce=stray"}') is None
