"""Images within the request: generations, edits by files and by URLs, streams, refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx2

    from tests.reference.gateway.fake_upstream import FakeUpstream

OPENAI = "general:openai"
GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
USAGE = {"input_tokens": 12, "output_tokens": 30, "total_tokens": 42}
ANSWER = {"created": 1_779_912_000, "data": [{"b64_json": "iVBORw0KGgo="}], "usage": USAGE}
PNG = bytes(range(256)) + b"\r\n--not-a-boundary\r\n\r\n"
PROMPT = {"prompt": "a cup"}
PICTURE = {"images": [{"image_url": "https://example.com/input.png"}]}
PARTIAL = ("image_generation.partial_image", {"type": "image_generation.partial_image", "partial_image_index": 0})
COMPLETED = ("image_generation.completed", {"type": "image_generation.completed", "b64_json": "x", "usage": USAGE})


@pytest.fixture(scope="module")
def pair(house: Any) -> Any:
    return house.fake()


def form(site: Any, files: Any, role: str = OPENAI, **fields: str) -> httpx2.Response:
    request = site.client.build_request("POST", EDITS, headers=site.headers(role), data=fields, files=files)
    request.read()
    answer: httpx2.Response = site.client.send(request)
    return answer


def test_images_come_in_the_answer_and_are_booked(pair: tuple[Any, FakeUpstream]) -> None:
    site, fake = pair
    fake.answers(ANSWER)
    fresh = site.key(OPENAI)
    body = {"prompt": "a cup", "size": "1024x1024", "n": 2, "quality": "low", "response_format": "b64_json"}
    answer = site.client.post(GENERATIONS, headers={"x-api-key": fresh}, json=body)
    assert (answer.status_code, answer.json()) == (200, ANSWER)
    assert fake.last.json() == {"model": "gpt-image-2", **body}
    assert fake.last.headers["authorization"] == f"Bearer {site.upstream.provider_key}"
    total = site.usage(fresh)["usage"]["total"]
    assert (total["requests"], total["input_tokens"], total["output_tokens"]) == (1, 12, 30)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt": None}, None),
        ({"prompt": ""}, None),
        ({"prompt": 5}, None),
        ({"n": 0}, None),
        ({"n": -1}, None),
        ({"n": "2"}, None),
        ({"n": True}, None),
        ({"size": 1024}, None),
        ({"stream": "yes"}, None),
        ({"output_compression": "9"}, None),
        ({"model": 5}, None),
        ({"model": "gpt-5.1"}, "images endpoint requires an image model"),
        ({"model": "image2"}, "images endpoint requires an image model"),
    ],
)
@pytest.mark.parametrize("path", [GENERATIONS, EDITS])
def test_a_wrong_request_is_refused_and_costs_nothing(
    pair: tuple[Any, FakeUpstream], path: str, change: Any, message: str | None
) -> None:
    site, fake = pair
    before, fresh = len(fake.asked), site.key(OPENAI)
    body = (PROMPT | (PICTURE if path == EDITS else {})) | change
    answer = site.client.post(path, headers={"x-api-key": fresh}, json=body)
    error = answer.json()["error"]
    assert (answer.status_code, list(answer.json()), set(error)) == (400, ["error"], {"type", "message"})
    assert error["type"] == "invalid_request_error"
    assert message is None or error["message"] == message
    assert len(fake.asked) == before
    assert site.usage(fresh)["usage"]["total"]["requests"] == 0


def test_an_unknown_image_model_is_not_found(pair: tuple[Any, FakeUpstream]) -> None:
    site, _ = pair
    answer = site.post(GENERATIONS, OPENAI, PROMPT | {"model": "gpt-image-99"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize("path", [GENERATIONS, EDITS])
def test_other_groups_are_told_in_the_documented_words(pair: tuple[Any, FakeUpstream], path: str) -> None:
    site, _ = pair
    expected = {"error": {"type": "not_found_error", "message": "Images API is not supported for this platform"}}
    for role in ("general:anthropic", "general:gemini", "general:antigravity"):
        answer = site.post(path, role, {})
        assert (answer.status_code, answer.json()) == (404, expected)
    switched_off = site.post(path, f"{OPENAI}+no_images", PROMPT | PICTURE)
    assert (switched_off.status_code, switched_off.json()["error"]["type"]) == (403, "permission_error")
    assert site.post(path, "image:batch", PROMPT).status_code == 403


@pytest.mark.parametrize("names", [("image",), ("image", "image"), ("image[]", "image[]"), ("image", "mask")])
def test_files_reach_the_upstream_to_the_byte(pair: tuple[Any, FakeUpstream], names: tuple[str, ...]) -> None:
    site, fake = pair
    fake.answers(ANSWER)
    files = [(name, (f"é {index}.png", PNG + bytes([index]), "image/png")) for index, name in enumerate(names)]
    answer = form(site, files, prompt="mache es grün", n="2", size="64x64", model="gpt-image-2")
    assert (answer.status_code, answer.json()) == (200, ANSWER)
    assert fake.last.body == answer.request.content
    assert fake.last.headers["content-type"] == answer.request.headers["content-type"]


def test_a_form_without_model_gets_the_default_and_stays_the_same_otherwise(pair: tuple[Any, FakeUpstream]) -> None:
    site, fake = pair
    fake.answers(ANSWER)
    answer = form(site, [("image", ("a.png", PNG, "image/png"))], prompt="x")
    assert answer.status_code == 200
    added = fake.last.body.removesuffix(answer.request.content)
    assert added.endswith(b'name="model"\r\n\r\ngpt-image-2\r\n')
    assert fake.last.body.startswith(b"--")


@pytest.mark.parametrize(
    ("names", "fields", "message"),
    [
        ((), {"prompt": "x"}, None),
        (("mask",), {"prompt": "x"}, None),
        (("image",), {}, None),
        (("image",), {"prompt": " "}, None),
        (("image",), {"prompt": "x", "n": "0"}, None),
        (("image",), {"prompt": "x", "n": "many"}, None),
        (("image",), {"prompt": "x", "stream": "maybe"}, None),
        (("image",), {"prompt": "x", "mask": "text"}, None),
        (("image",), {"prompt": "x", "model": "gpt-5.1"}, "images endpoint requires an image model"),
    ],
)
def test_a_wrong_form_is_refused(
    pair: tuple[Any, FakeUpstream], names: tuple[str, ...], fields: Any, message: str | None
) -> None:
    site, fake = pair
    before = len(fake.asked)
    files = [(name, ("a.png", PNG, "image/png")) for name in names] or [("other", ("a.txt", b"x", "text/plain"))]
    answer = form(site, files, **fields)
    assert answer.status_code == 400
    assert message in (None, answer.json()["error"]["message"])
    assert len(fake.asked) == before


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x\r\n\r\n\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"nothing"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nhi\r\n'),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Type: text/plain\r\n\r\nhi\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n--x--\r\n'),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n\xff\r\n--x--\r\n',
        ),
    ],
)
def test_a_body_that_is_no_form_is_refused(pair: tuple[Any, FakeUpstream], content_type: str, body: bytes) -> None:
    site, _ = pair
    answer = site.client.post(EDITS, headers=site.headers(OPENAI) | {"content-type": content_type}, content=body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"images": None}, "images[].image_url is required"),
        ({"images": []}, "images[].image_url is required"),
        ({"images": [{}]}, "images[].image_url is required"),
        ({"images": [{"image_url": 5}]}, "images[].image_url is required"),
        ({"images": "x"}, "images"),
        ({"images": [{"file_id": "file-1"}]}, "images[].file_id is not supported"),
        ({"mask": {"file_id": "file-1"}}, "mask.file_id is not supported"),
        ({"mask": {}}, "mask.image_url"),
        ({"mask": "x"}, "mask"),
    ],
)
def test_an_edit_by_url_needs_urls(pair: tuple[Any, FakeUpstream], change: Any, part: str) -> None:
    site, fake = pair
    answer = site.post(EDITS, OPENAI, PROMPT | PICTURE | change)
    assert answer.status_code == 400
    assert part in answer.json()["error"]["message"]
    fake.answers(ANSWER)
    mask = {"mask": {"image_url": "https://example.com/mask.png"}}
    assert site.post(EDITS, OPENAI, PROMPT | PICTURE | mask).json() == ANSWER
    assert fake.last.json() == {"model": "gpt-image-2", **PROMPT, **PICTURE, **mask}


def test_a_stream_is_passed_on_event_by_event(pair: tuple[Any, FakeUpstream]) -> None:
    site, fake = pair
    fake.streams(PARTIAL, ": hm\n\n", COMPLETED, "data: [DONE]\n\n")
    fresh = site.key(OPENAI)
    answer = site.client.post(GENERATIONS, headers={"x-api-key": fresh}, json=PROMPT | {"stream": True})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    names = [line.removeprefix("event: ") for line in answer.text.split("\n") if line.startswith("event: ")]
    assert names == [PARTIAL[0], COMPLETED[0]]
    assert "[DONE]" not in answer.text
    assert site.usage(fresh)["usage"]["total"]["total_tokens"] == 42
    files = [("image", ("a.png", PNG, "image/png"))]
    assert "image_generation.completed" in form(site, files, prompt="x", stream="true").text


@pytest.mark.parametrize(
    ("end", "status"),
    [((), 502), (({"error": {"message": "no", "type": "rate_limit_error"}},), 429), (("data: nonsense\n\n",), 502)],
)
def test_a_stream_that_breaks_ends_with_an_error_object(pair: tuple[Any, FakeUpstream], end: Any, status: int) -> None:
    site, fake = pair
    fake.streams(PARTIAL, *end)
    text = site.post(GENERATIONS, OPENAI, PROMPT | {"stream": True}).text
    assert '{"error":{"type":"' in text.split("\n\n")[-2]
    assert "completed" not in text
    fake.streams(*end)
    assert site.post(GENERATIONS, OPENAI, PROMPT | {"stream": True}).status_code == status


def test_an_upstream_that_refuses_a_prompt_costs_nothing(pair: tuple[Any, FakeUpstream]) -> None:
    site, fake = pair
    fake.answers({"error": {"message": "rejected by the safety system", "type": "image_generation_user_error"}}, 400)
    fresh = site.key(OPENAI)
    answer = site.client.post(GENERATIONS, headers={"x-api-key": fresh}, json=PROMPT)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "rejected by the safety system")
    assert site.usage(fresh)["usage"]["total"]["requests"] == 0
