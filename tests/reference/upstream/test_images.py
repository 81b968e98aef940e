"""Images: real pictures in answers and streams, forms and JSON for edits (rules I-N and I-S)."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from llmapi_conformance.reference.upstream.forms import FormError, read_form
from tests.reference.upstream.talking import (
    Document,
    Talk,
    events,
    image,
    openai,
    raw_answer,
    raw_request,
)

if TYPE_CHECKING:
    import httpx2

Files = list[tuple[str, tuple[str, bytes, str]]]


def picture(document: Document) -> Image.Image:
    opened = Image.open(io.BytesIO(base64.b64decode(document["b64_json"], validate=True)))
    opened.load()
    return opened


def png(colour: str = "red", size: tuple[int, int] = (8, 8)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, "PNG")
    return written.getvalue()


def edit(talk: Talk, fields: dict[str, str], files: Files) -> httpx2.Response:
    url = talk.upstream.base_url + "/v1/images/edits"
    return talk.client.post(url, data=fields, files=files, headers=openai())


def edit_json(talk: Talk, body: Document) -> httpx2.Response:
    return talk.client.post(talk.upstream.base_url + "/v1/images/edits", json=body, headers=openai())


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("size", ["64x64", "96x32", "auto"])
def test_images_have_the_size_and_the_format_asked_for(talk: Talk, output_format: str, size: str) -> None:
    answer = talk.images(image("a cat", n=2, size=size, output_format=output_format)).json()
    expected = "1024x1024" if size == "auto" else size
    assert (answer["size"], answer["output_format"]) == (expected, output_format)
    first, second = [picture(document) for document in answer["data"]]
    assert {f"{each.width}x{each.height}" for each in (first, second)} == {expected}
    assert {each.format for each in (first, second)} == {output_format.upper()}
    assert first.tobytes() != second.tobytes()


def test_the_same_request_has_the_same_images_and_another_prompt_others(talk: Talk) -> None:
    first, same, other = (talk.images(image(prompt)).json()["data"] for prompt in ("a cat", "a cat", "a dog"))
    assert first == same != other


def test_a_transparent_background_is_transparent(talk: Talk) -> None:
    answer = talk.images(image("a cat", background="transparent")).json()
    assert answer["background"] == "transparent"
    assert picture(answer["data"][0]).mode == "RGBA"


def test_the_usage_adds_up_and_can_be_told(talk: Talk) -> None:
    usage = talk.images(image("a cat", n=2, size="64x64")).json()["usage"]
    assert usage["output_tokens"] == 2 * 64 * 64 // 1024
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens_details"] == {"text_tokens": usage["input_tokens"], "image_tokens": 0}
    told = talk.images(image("@upstream usage=17,5")).json()["usage"]
    assert (told["input_tokens"], told["output_tokens"], told["total_tokens"]) == (17, 5, 22)


@pytest.mark.parametrize("partial", [None, 0, 1, 3])
def test_a_stream_has_the_partial_images_and_ends_with_the_image(talk: Talk, partial: int | None) -> None:
    fields = {} if partial is None else {"partial_images": partial}
    answer = talk.images(image("a cat", stream=True, **fields))
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    stream = events(answer.content)
    *before, last = [event.document for event in stream]
    assert [event.name for event in stream] == [event.document["type"] for event in stream]
    assert [event["partial_image_index"] for event in before] == list(range(partial or 0))
    assert {event["type"] for event in before} <= {"image_generation.partial_image"}
    assert len({event["created_at"] for event in (*before, last)}) == 1
    assert all(picture(event).size == (64, 64) for event in before)
    whole = talk.images(image("a cat")).json()
    assert last["type"] == "image_generation.completed"
    assert (last["b64_json"], last["usage"]) == (whole["data"][0]["b64_json"], whole["usage"])


def test_the_files_of_a_form_reach_the_images(talk: Talk) -> None:
    fields = {"prompt": "@upstream nonce=form\nmake it blue", "size": "64x64", "n": "2"}
    answers: list[Document] = []
    for name, colours in (("image", ["red"]), ("image", ["red", "blue"]), ("image[]", ["red", "blue"])):
        files: Files = [(name, ("in.png", png(colour), "image/png")) for colour in colours]
        answers.append(edit(talk, fields, files).json())
    assert [len(answer["data"]) for answer in answers] == [2, 2, 2]
    assert answers[0]["data"] != answers[1]["data"] == answers[2]["data"]
    details = [answer["usage"]["input_tokens_details"] for answer in answers]
    assert [each["image_tokens"] for each in details] == [256, 512, 512]
    logged = talk.log("form")[1]
    assert logged["protocol"] == "image_edits"
    assert ["n", "2"] in logged["body"]["fields"]
    assert [each["sha256"] for each in logged["body"]["files"]] == [
        hashlib.sha256(png(colour)).hexdigest() for colour in ("red", "blue")
    ]


def test_a_mask_must_fit(talk: Talk) -> None:
    files: Files = [("image", ("in.png", png(), "image/png")), ("mask", ("mask.png", png("white"), "image/png"))]
    assert edit(talk, {"prompt": "x", "size": "64x64"}, files).status_code == 200
    files[1] = ("mask", ("mask.png", png("white", (4, 4)), "image/png"))
    answer = edit(talk, {"prompt": "x"}, files)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "mask")


def test_edits_take_json_too_and_stream(talk: Talk) -> None:
    data = "data:image/png;base64," + base64.b64encode(png()).decode()
    for url in ("https://example.com/in.png", data):
        body = image("x", images=[{"image_url": url}], mask={"image_url": url})
        assert picture(edit_json(talk, body).json()["data"][0]).size == (64, 64)
    stream = edit_json(talk, image("x", images=[{"image_url": data}], stream=True, partial_images=1))
    assert [event.name for event in events(stream.content)] == ["image_edit.partial_image", "image_edit.completed"]
    form = edit(
        talk,
        {"prompt": "x", "size": "64x64", "stream": "true", "partial_images": "2"},
        [("image", ("a.png", png(), "image/png"))],
    )
    assert len(events(form.content)) == 3


def test_words_are_obeyed(talk: Talk) -> None:
    refused = talk.images(image("@upstream status=429 retry-after=7"))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    filtered = talk.images(image("@upstream stop=filtered"))
    assert (filtered.status_code, filtered.json()["error"]["code"]) == (400, "moderation_blocked")
    broken = talk.images(image("@upstream error=500 after=1", stream=True, partial_images=2))
    first, error = events(broken.content)
    assert first.document["partial_image_index"] == 0
    assert error.document["error"]["type"] == "server_error"
    body = image("@upstream cut after=1", stream=True, partial_images=2)
    cut = raw_answer(talk.upstream.base_url, raw_request("/v1/images/generations", body, openai()))
    assert cut.reset
    assert b"completed" not in cut.body
    unknown = talk.images(image("@upstream ecko"))
    assert (unknown.status_code, "ecko" in unknown.json()["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"prompt": None}, 400, "prompt"),
        ({"prompt": ""}, 400, "prompt"),
        ({"model": "gpt-5.1"}, 400, "model"),
        ({"model": "dall-e-9"}, 404, "model"),
        ({"n": 0}, 400, "n"),
        ({"n": 11}, 400, "n"),
        ({"n": "2"}, 400, "n"),
        ({"size": "65x64"}, 400, "size"),
        ({"size": "256x64"}, 400, "size"),
        ({"size": "big"}, 400, "size"),
        ({"size": "4096x4096"}, 400, "size"),
        ({"output_format": "gif"}, 400, "output_format"),
        ({"response_format": "url"}, 400, "response_format"),
        ({"background": "transparent", "output_format": "jpeg"}, 400, "background"),
        ({"output_compression": 50}, 400, "output_compression"),
        ({"partial_images": 1}, 400, "partial_images"),
        ({"partial_images": 4, "stream": True}, 400, "partial_images"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(talk: Talk, change: Document, status: int, param: str) -> None:
    answer = talk.images({**image("a cat"), **change})
    assert answer.status_code == status
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize(
    "images",
    [None, [], [{}], [{"image_url": ""}], [{"image_url": "in.png"}], [{"image_url": "data:image/png;base64,AAAA"}]],
)
def test_json_edits_without_a_usable_image_are_refused(talk: Talk, images: Any) -> None:
    answer = edit_json(talk, image("x", images=images))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "images")


def test_forms_without_a_usable_image_are_refused(talk: Talk) -> None:
    files: Files = [("image", ("in.png", b"no picture", "image/png"))]
    assert edit(talk, {"prompt": "x"}, files).json()["error"]["code"] == "invalid_image_file"
    missing = edit(talk, {"prompt": "x"}, [("other", ("in.png", png(), "image/png"))])
    assert missing.json()["error"]["param"] == "image"
    nothing = edit(talk, {"n": "2"}, [("image", ("in.png", png(), "image/png"))])
    assert nothing.json()["error"]["param"] == "prompt"
    wrong = edit(talk, {"prompt": "x", "n": "two"}, [("image", ("in.png", png(), "image/png"))])
    assert wrong.json()["error"]["param"] == "n"


FORM = 'multipart/form-data; boundary="a b"'


def test_a_form_is_read_to_the_byte() -> None:
    content = bytes(range(256)) + b"\r\n--a c\r\n\r\n"
    head = b'Content-Disposition: form-data; name="image"; filename="a \\"b\\".png"\r\nContent-Type: image/png'
    plain = b"content-disposition: form-data; name=n\r\n\r\n2"
    body = b"--a b\r\n" + head + b"\r\n\r\n" + content + b"\r\n--a b\r\n" + plain + b"\r\n--a b--\r\n"
    file, field = read_form(FORM, body)
    assert (file.name, file.filename, file.content_type) == ("image", 'a "b".png', "image/png")
    assert file.content == content
    assert (field.name, field.filename, field.content) == ("n", None, b"2")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--a b--"),
        (FORM, b""),
        (FORM, b"--a b\r\n\r\nx\r\n--a b--"),
        (FORM, b"--a b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--a b--"),
        (FORM, b'--a b\r\nContent-Disposition: form-data; name="n"\r\n\r\nx\r\n'),
    ],
)
def test_what_is_no_form_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(FormError):
        read_form(content_type, body)
