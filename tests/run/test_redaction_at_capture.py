"""Whatever comes over the wire, what is made of it holds no key: drawn at random, without a network."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import socket
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmapi_conformance.evidence.encoding import encode_exchange
from llmapi_conformance.evidence.exchange import Ending, Frame
from llmapi_conformance.evidence.har import to_har
from llmapi_conformance.evidence.recording import Opening, Recording
from llmapi_conformance.evidence.redaction import Redactor
from llmapi_conformance.reporting.capsule_files import exchange_files
from llmapi_conformance.reporting.curl import curl_line
from llmapi_conformance.reporting.excerpt import excerpt
from llmapi_conformance.sending.assembly import Place, assemble, recorded
from llmapi_conformance.sending.credentials import Credential, bearer
from llmapi_conformance.sending.outgoing import Outgoing
from llmapi_conformance.target.keyring import Keyring
from llmapi_conformance.target.secrets import secrets_of
from llmapi_conformance.target.target import Role, Target
from llmapi_conformance.wire.message import WireAnswer, origin_of
from tests.run.leaking_gateway import FORMS, LeakingGateway
from tests.run.secret_search import leaks
from tests.run.test_redaction_proof import a_secret
from tests.sending.gateways import running

URL = "http://127.0.0.1:4000"
TARGET = Target("here", URL, {"general:openai": Role("general:openai", ("m",))})
WORDS = st.sampled_from(
    ["", "no such key: ", '{"error":"', "data: ", "\n\n", '"}', "<p>", "\\", '"', "é", "%", "&", "="]
)
SAID = st.lists(st.tuples(WORDS, st.sampled_from([*FORMS, ""]), st.integers(0, 2)), max_size=5)


def written(said: list[tuple[str, str, int]], secrets: list[str]) -> str:
    return "|".join(word + (FORMS[form](secrets[which]) if form else "") for word, form, which in said)


def deltas(secret: str, size: int) -> list[str]:
    return [json.dumps({"delta": secret[place : place + size]}) for place in range(0, len(secret), size)]


@given(st.randoms(), st.lists(SAID, min_size=6, max_size=6), st.lists(st.integers(1, 900), max_size=6), st.data())
@settings(max_examples=60, deadline=None)
def test_no_answer_leaves_a_key_in_what_is_kept(
    chance: Random, said: list[list[tuple[str, str, int]]], borders: list[int], data: st.DataObject
) -> None:
    secrets = [a_secret(chance, number) for number in range(3)]
    keyring = Keyring({"general:openai": secrets[0], "image:batch": secrets[1]})
    redactor = Redactor(secrets_of(keyring, {"header:x-pass": secrets[2]}))
    texts = [written(one, secrets).replace("\r", "") for one in said]
    body = "\n".join([*texts[:3], *(f"data: {one}" for one in deltas(secrets[1], data.draw(st.integers(1, 9))))])
    whole = body.encode()
    ending = data.draw(st.sampled_from(list(Ending)))
    if ending is not Ending.COMPLETE:
        whole = whole[: data.draw(st.integers(0, len(whole)))]
    cuts = sorted({0, len(whole), *(border for border in borders if border < len(whole))})
    headers = tuple((f"X-{number}", text.replace("\n", " ")) for number, text in enumerate(texts[3:]))
    outgoing = Outgoing("POST", "/v1/responses", (), texts[5].encode(), (bearer(Credential("key:x", secrets[0])),))
    frames = [
        Frame(float(place), sent=False, kind="text", data=part.encode())
        for place, part in enumerate([*deltas(secrets[0], 7), texts[4], '"', *deltas(secrets[2], 5)])
    ]
    frames.append(Frame(99.0, sent=False, kind="close", code=1008, data=texts[0].encode()[:123]))
    kept = recorded(
        Place("s", "", 1, 1, "createResponse", "general:openai"),
        assemble(outgoing, TARGET, "general:openai", origin_of(URL)),
        WireAnswer(
            status=200,
            http_version="HTTP/1.1",
            headers=(*headers, ("X-" + secrets[0], "name")),
            headers_at=0.0,
            chunks=tuple((float(a), whole[a:b]) for a, b in itertools.pairwise(cuts)),
            ending=ending,
            detail=texts[1],
            ended_at=1.0,
            wire_length=len(whole),
            wire_digest=hashlib.sha256(whole).hexdigest(),
            started_at=0.0,
        ),
        origin_of(URL),
        redactor,
        mode="websocket",
        frames=frames,
    )
    opening = Opening("", "", "", {"base_url": URL}, "gate", {}, 0.0)
    left: dict[str, Any] = {
        "record": json.dumps(encode_exchange(kept)),
        "har": json.dumps(to_har(Recording(opening, {kept.id: kept}, {}, None))),
        "curl": curl_line(kept, URL),
        "excerpt": excerpt(kept, None),
    }
    files = {name: text.encode() for name, text in left.items()} | exchange_files(kept)
    found = leaks(files, dict(zip("012", secrets, strict=True)))
    assert not found, found[:3]


@pytest.mark.parametrize("form", FORMS)
def test_the_search_finds_each_form_wherever_it_stands(form: str) -> None:
    secret = "Zq0" + "a/b-c+d=e" * 3 + "xY9w"
    told = FORMS[form](secret)
    for data in (told.encode(), json.dumps({"text": told}).encode(), base64.b64encode(b"\xff" + told.encode() * 2)):
        assert leaks({"file": b"first\n" + data}, {"KEY": secret})
    assert not leaks({"file": b"first\n"}, {"KEY": secret})


def test_the_search_finds_a_key_that_is_told_bit_by_bit() -> None:
    chunks = [{"text": f"data: {one}\n\n"} for one in deltas("Zq0a-b-c-d-e-f-g-xY9w", 3)]
    assert leaks({"r": json.dumps({"response": {"chunks": chunks}}).encode()}, {"KEY": "Zq0a-b-c-d-e-f-g-xY9w"})


def test_the_gateway_tells_every_secret_in_every_form() -> None:
    secrets = {str(number): a_secret(Random(number), number) for number in range(3)}  # noqa: S311 - made up
    gateway = LeakingGateway(list(secrets.values()))
    raw = bytearray()
    with running(gateway.handle) as url:
        port = int(url.rpartition(":")[2])
        for number in range(60):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
                path = ("/v1/models", "/v1/images/tasks")[number % 5 == 0]
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                try:
                    while part := client.recv(65536):
                        raw += part
                except ConnectionResetError:
                    continue
    for secret in secrets.values():
        for form, write in FORMS.items():
            assert write(secret).encode() in raw or json.dumps(write(secret))[1:-1].encode() in raw, form
