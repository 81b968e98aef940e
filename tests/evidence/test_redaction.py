from __future__ import annotations

import base64
import html
import itertools
import json
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapi_conformance.errors import TargetError
from llmapi_conformance.evidence.redaction import Redactor

KEY = "key-general/openai+0.7Zq_Yx~9"
OTHER = "key-general/openai+0.7Zq"  # the beginning of KEY
UPSTREAM = "upstream.internal:8080"
KEY_MARK, OTHER_MARK, UPSTREAM_MARK = "[[key:general:openai]]", "[[key:image:batch]]", "[[upstream-host]]"
SECRETS = {KEY: KEY_MARK, OTHER: OTHER_MARK, UPSTREAM: UPSTREAM_MARK}
REDACTOR = Redactor(SECRETS)

Written = Callable[[str], str]


def percent_all(text: str) -> str:
    return "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in text)


def percent_twice(text: str) -> str:
    return quote(quote(text, safe=""), safe="")


def json_slash(text: str) -> str:
    return text.replace("/", "\\/")


def json_unicode(text: str) -> str:
    return "".join(c if c.isalnum() else f"\\u{ord(c):04X}" for c in text)


def json_in_json(text: str) -> str:
    return json.dumps(json_slash(text))[1:-1]


def base64_behind(count: int, *, url_safe: bool, before: str = "x") -> Written:
    encode = base64.urlsafe_b64encode if url_safe else base64.b64encode

    def write(text: str) -> str:
        return encode((before * count + text + "tail").encode()).decode().rstrip("=")

    return write


FORMS: dict[str, Written] = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "percent, all": percent_all,
    "percent twice": percent_twice,
    "percent thrice": lambda text: quote(quote(quote(text, safe=""), safe=""), safe=""),
    "json slash": json_slash,
    "json unicode": json_unicode,
    "json in json": json_in_json,
    "json in json in json": lambda text: json.dumps(json.dumps(json_unicode(text))[1:-1])[1:-1],
    **{f"base64 {count}": base64_behind(count, url_safe=False) for count in range(4)},
    **{f"base64url {count}": base64_behind(count, url_safe=True, before="?") for count in range(4)},
    "base64, percent": lambda text: quote(base64_behind(1, url_safe=False)(text), safe=""),
    "base64, json": lambda text: json_slash(base64_behind(2, url_safe=False)(text)),
}


def leaks(data: bytes, secret: str) -> bool:
    """Whether the secret, or most of it, is still there in one of the forms."""
    for write in FORMS.values():
        written = write(secret).encode()
        core = written[4 : len(written) - 8] if len(written) > 24 else written
        if core in data:
            return True
    return False


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_secret_is_replaced_by_its_marker(form: str, secret: str) -> None:
    written = FORMS[form](secret).encode()
    assert leaks(written, secret)
    redacted = REDACTOR.redact(b'{"error":"' + written + b'"}')
    assert SECRETS[secret].encode() in redacted
    assert not leaks(redacted, secret)
    assert redacted.startswith(b'{"error":"')
    assert redacted.endswith(b'"}')


@pytest.mark.parametrize("form", ["plain", "percent", "json slash", "json unicode"])
def test_nothing_but_the_secret_is_replaced(form: str) -> None:
    written = FORMS[form](KEY)
    assert REDACTOR.redact_text(f"a{written}b, {written}") == f"a{KEY_MARK}b, {KEY_MARK}"


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(["max_tokens", '"', "\\", "%", "\\u00e9", "key-general", "aGVsbG8", " ", "\r\n"]), st.text()
    )
).map("".join)


@given(
    st.lists(st.tuples(TEXTS, st.sampled_from(list(FORMS)), st.sampled_from(list(SECRETS))), max_size=3),
    TEXTS,
    st.lists(st.integers(0, 400), max_size=12),
)
def test_no_split_of_any_form_leaves_a_secret_behind(
    parts: list[tuple[str, str, str]], end: str, borders: list[int]
) -> None:
    body = ("".join(text + "|" + FORMS[form](secret) + "|" for text, form, secret in parts) + end).encode(
        "utf-8", "surrogatepass"
    )
    cuts = sorted({0, len(body), *(border for border in borders if border < len(body))})
    chunks = [(float(number), body[a:b]) for number, (a, b) in enumerate(itertools.pairwise(cuts))]
    redacted = REDACTOR.redact_chunks(chunks)
    joined = b"".join(data for _, data in redacted)
    assert [at for at, _ in redacted] == [at for at, _ in chunks]
    assert joined == REDACTOR.redact(body)
    assert not any(leaks(joined, secret) for secret in SECRETS)
    assert joined.count(b"[[") - body.count(b"[[") >= len(parts)


@given(TEXTS)
def test_text_without_secrets_stays_as_it_is(text: str) -> None:
    assert REDACTOR.redact_text(text) == text


@given(st.binary())
def test_bytes_without_secrets_stay_as_they_are(data: bytes) -> None:
    assert REDACTOR.redact(data) == data


@pytest.mark.parametrize(
    "text",
    [
        '{"max_tokens": 16, "token_type": "bearer", "authorization": "none", "secret": null}',
        "task-0123456789012345678901234567890",
        "risk-free-and-task-oriented-work-is-described-here",
        "sk-short",
        "Bearer token is missing: send Authorization: Bearer <key>",
        "chatcmpl-0123456789abcdefghijklmnop msg_0123456789abcdefghijklmnop",
        "[[key:general:openai]] [[secret:openai-like]]",
    ],
)
def test_what_only_sounds_like_a_secret_stays(text: str) -> None:
    assert REDACTOR.redact_text(text) == text


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("sk-" + "a1" * 12, "[[secret:openai-like]]"),
        ("(sk-proj-" + "a1" * 30 + ")", "([[secret:openai-like]])"),
        ("sk-ant-api03-" + "a1" * 30, "[[secret:anthropic-like]]"),
        ('"AIza' + "a1" * 17 + 'b"', '"[[secret:google-like]]"'),
        ("authorization: bearer " + "a.1" * 10 + "==", "authorization: bearer [[secret:bearer]]"),
        ("\\nsk-" + "a1" * 12, "\\n[[secret:openai-like]]"),
        ("%22sk-" + "a1" * 12, "%22[[secret:openai-like]]"),
        ("\\u0022sk-" + "a1" * 12, "\\u0022[[secret:openai-like]]"),
        ("task-sk-" + "a1" * 12, "task-[[secret:openai-like]]"),
        ("Bearer sk-" + "a1" * 12, "Bearer [[secret:openai-like]]"),
    ],
)
def test_a_key_that_we_do_not_know_is_told_by_its_look(text: str, redacted: str) -> None:
    assert REDACTOR.redact_text(text) == redacted
    assert Redactor({}).redact_text(text) == redacted


def test_a_known_key_of_a_known_look_keeps_its_own_marker() -> None:
    key = "sk-" + "a1" * 20
    redactor = Redactor({key: "[[key:x]]"})
    assert redactor.redact_text(f"Bearer {key}, {key}") == "Bearer [[key:x]], [[key:x]]"


def test_the_longest_secret_wins_and_the_keys_of_an_exchange_are_told_apart() -> None:
    changed = {KEY[:-1]: "[[key:truncated]]", KEY + "x": "[[key:extended]]", KEY[:-1] + "8": "[[key:changed]]"}
    redactor = REDACTOR.with_secrets(changed)
    text = " ".join([KEY, *changed, OTHER])
    assert redactor.redact_text(text) == " ".join([KEY_MARK, *changed.values(), OTHER_MARK])
    assert REDACTOR.redact_text(KEY[:-1]) == f"{OTHER_MARK}{KEY[len(OTHER) : -1]}"


def test_a_secret_that_was_told_again_takes_its_newer_marker() -> None:
    assert REDACTOR.with_secrets({KEY: "[[key:own]]"}).redact_text(KEY) == "[[key:own]]"
    assert REDACTOR.with_secrets({KEY: KEY_MARK}) is REDACTOR


def test_of_overlapping_secrets_no_byte_is_left() -> None:
    redactor = Redactor({"abcdefghij": "[[one]]"}).with_secrets({"ghijklmnop": "[[two]]"})
    assert redactor.redact_text("<abcdefghijklmnop>") == "<[[one]]>"


def test_the_marker_stands_in_the_chunk_in_which_the_secret_begins() -> None:
    data = KEY.encode()
    chunks = [(0.1, b"a" + data[:3]), (0.2, data[3:9]), (0.3, b""), (0.4, data[9:] + b"b" + data), (0.5, b"c")]
    assert REDACTOR.redact_chunks(chunks) == [
        (0.1, b"a" + KEY_MARK.encode()),
        (0.2, b""),
        (0.3, b""),
        (0.4, b"b" + KEY_MARK.encode()),
        (0.5, b"c"),
    ]


def test_headers_are_redacted_in_names_and_values() -> None:
    headers = (("Authorization", f"Bearer {KEY}"), (f"X-{KEY}", "\u00e9"), ("X", f"\u20ac{KEY}"))
    assert REDACTOR.redact_headers(headers) == (
        ("Authorization", f"Bearer {KEY_MARK}"),
        (f"X-{KEY_MARK}", "\u00e9"),
        ("X", f"\u20ac{KEY_MARK}"),
    )


@pytest.mark.parametrize("secret", ["caf\u00e9-\u20ac-\U0001f511-key", 'back\\slash"quote', "with space inside"])
def test_odd_characters_are_found_in_their_escapes_too(secret: str) -> None:
    redactor = Redactor({secret: "[[odd]]"})
    forms = [
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret))[3:-3],
        quote(secret),
        quote(secret.encode()),
    ]
    for form in forms:
        assert redactor.redact_text(f"<{form}>") == "<[[odd]]>"


def test_a_secret_that_is_too_short_is_refused_without_being_told() -> None:
    with pytest.raises(TargetError, match="7 characters: at least 8") as caught:
        Redactor({"hunter2": "[[key:x]]"})
    assert "hunter2" not in str(caught.value)
    with pytest.raises(TargetError, match="at least 8"):
        REDACTOR.with_secrets({"": "[[key:x]]"})


def hexadecimal(text: str) -> str:
    return text.encode().hex()


def json_all(text: str) -> str:
    units = text.encode("utf-16-be").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def percent_every(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def html_all(text: str) -> str:
    return "".join(f"&#x{ord(c):X};" if index % 2 else f"&#{ord(c)};" for index, c in enumerate(text))


@pytest.mark.parametrize(
    "write", [str, json_slash, json_in_json, percent_twice, hexadecimal, json_all, percent_every, html_all, html.escape]
)
def test_what_need_not_be_escaped_is_found_where_it_is(write: Written) -> None:
    for secret in (KEY, "back\\slash\"quote&<>'", "two\\\\and\\\\\\three\\\\", "caf\u00e9-\u20ac-\U0001f511-key"):
        redactor = Redactor({secret: "[[odd]]"})
        for text in (write(secret), write(secret).upper() if write is hexadecimal else write(secret)):
            assert redactor.redact_text(f"<a>{text}</a>") == "<a>[[odd]]</a>"


@pytest.mark.parametrize("write", [str, json_slash, percent_all, json_all, percent_every, hexadecimal])
@given(st.data())
def test_the_beginning_of_a_key_at_the_end_of_a_cut_body_is_replaced(write: Written, data: st.DataObject) -> None:
    written = write(KEY)
    shown = data.draw(st.integers(len(write(KEY[:8])), len(written)))
    body = b'{"error":"' + written[:shown].encode()
    redacted = b"".join(part for _, part in REDACTOR.redact_chunks([(0.0, body[:15]), (0.1, body[15:])], cut=True))
    assert redacted in (b'{"error":"' + KEY_MARK.encode(), b'{"error":"' + OTHER_MARK.encode())


def test_the_beginning_of_base64_at_the_end_of_a_cut_body_is_replaced() -> None:
    for behind in range(3):
        written = base64.b64encode(b"user:::"[:behind] + KEY.encode())
        for shown in range(14, len(written)):
            ((_, redacted),) = REDACTOR.redact_chunks([(0.0, b"Basic " + written[:shown])], cut=True)
            assert written[4:12] not in redacted


@pytest.mark.parametrize("write", [str, percent_all, percent_every, json_all, html_all, html.escape, percent_twice])
@pytest.mark.parametrize("key", ["r1Wi%gM&V@x9X3P&Qg#25&amp;q", "%25a&#38;b\\%c\\\\&lt;d%2", "&&%%&&%%abc&"])
def test_the_beginning_is_found_where_characters_of_the_key_look_like_escapes(write: Written, key: str) -> None:
    redactor = Redactor({key: "[[odd]]"})
    written = write(key)
    for shown in range(len(write(key[:8])), len(written)):
        ((_, redacted),) = redactor.redact_chunks([(0.0, b"no such key: " + written[:shown].encode())], cut=True)
        assert redacted == b"no such key: [[odd]]", written[:shown]


@pytest.mark.parametrize("line", ["X-{}", "{}", "{} is no line", "x{}: y"])
def test_a_key_with_a_colon_that_became_a_header_of_its_own_is_replaced(line: str) -> None:
    key = "ZRpE:Gy_Pf5$HPvVq-]env"
    name, _, value = line.format(key).partition(":")
    ((shown_name, shown_value),) = Redactor({key: "[[odd]]"}).redact_headers(((name, value.strip()),))
    assert (shown_name, shown_value) == (line.format("[[odd]]"), "")
    usual = (("content-type", "text/plain"), ("x-debug", key), ("date", "10:11:12"))
    assert Redactor({key: "[[odd]]"}).redact_headers(usual) == (usual[0], ("x-debug", "[[odd]]"), usual[2])


def test_less_than_eight_characters_and_the_end_of_a_whole_body_stay() -> None:
    for body, cut in ((KEY[:7], True), (KEY[:12], False), (KEY[:12] + " ", True), ("x" + KEY[1:12], True)):
        assert REDACTOR.redact_chunks([(0.0, body.encode())], cut=cut) == [(0.0, body.encode())]


def deltas(pieces: list[str], name: str = "content") -> bytes:
    events = [{"id": "c-1", "model": "m", "choices": [{"index": 0, "delta": {name: piece}}]} for piece in pieces]
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def told(body: bytes) -> str:
    """What a client reads from the deltas."""
    events = [json.loads(line[6:]) for line in body.decode().splitlines() if line]
    assert {(event["id"], event["model"]) for event in events} <= {("c-1", "m")}
    return "".join(event["choices"][0]["delta"]["content"] for event in events)


@given(st.lists(st.integers(0, len(KEY) + 10), max_size=12), st.sampled_from([str, json_slash, percent_all]))
def test_a_key_that_a_stream_tells_bit_by_bit_is_replaced(borders: list[int], write: Written) -> None:
    text = f"say {write(KEY)} now"
    cuts = sorted({0, len(text), *(border for border in borders if border < len(text))})
    body = deltas([text[a:b] for a, b in itertools.pairwise(cuts)])
    pieces = [(float(place), body[place : place + 50]) for place in range(0, len(body), 50)]
    redacted = REDACTOR.redact_chunks(pieces, body=True)
    assert len(redacted) == len(pieces)
    assert told(b"".join(data for _, data in redacted)) == f"say {KEY_MARK} now"


def test_lines_of_an_event_stream_tell_no_key_bit_by_bit() -> None:
    body = b"event: note\n" + b"".join(b"data: " + KEY[place : place + 3].encode() + b"\n" for place in range(0, 29, 3))
    ((_, redacted),) = REDACTOR.redact_chunks([(0.0, body)], body=True)
    assert redacted.startswith(b"event: note\ndata: [[key:general:openai]]\ndata: \n")
    assert KEY[8:].encode() not in b"".join(line.removeprefix(b"data: ") for line in redacted.split(b"\n"))


@given(TEXTS, st.lists(TEXTS, max_size=8))
def test_a_body_without_secrets_stays_as_it_is(text: str, pieces: list[str]) -> None:
    for body in (text.encode("utf-8", "surrogatepass"), deltas(pieces)):
        assert REDACTOR.redact_chunks([(0.0, body)], body=True) == [(0.0, body)]


@pytest.mark.parametrize(
    "piece",
    [
        b"sk-",
        b"sk-ant-",
        b"ask-",
        b"\\",
        b"%25",
        b"bearer ",
        KEY[:-1].encode(),
        b"key-general\\\\\\",
        b"a2V5LWdlbmVyYWwv",
    ],
)
def test_hostile_text_takes_time_in_proportion_to_its_length(piece: bytes) -> None:
    def seconds(size: int) -> float:
        data = piece * (size // len(piece))
        started = time.process_time()
        REDACTOR.redact(data)
        return time.process_time() - started

    seconds(1000)
    assert min(seconds(400_000), seconds(400_000)) < 1.5  # a quadratic search would take minutes


def test_many_long_secrets_are_compiled_quickly() -> None:
    started = time.process_time()
    redactor = Redactor({f"key-{number}-" + "Ab1-" * 100: f"[[{number}]]" for number in range(20)})
    assert redactor.redact_text("key-7-" + "Ab1-" * 100) == "[[7]]"
    assert time.process_time() - started < 5
