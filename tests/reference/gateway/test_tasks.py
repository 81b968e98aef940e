"""Image tasks: what is accepted and refused, what the upstream is asked, and what comes of it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from PIL import Image

from llmapi_conformance.reference.gateway import TaskSettings
from tests.reference.gateway.tasking import BATCH, EVENTS, NOBODY, TASKS, Client, fresh, sizes

GENERAL = ("general:openai", "general:anthropic", "general:gemini", "general:antigravity")
INVALID, MODEL, FEATURE = (
    f"IMAGE_TASK_{name}" for name in ("INVALID_REQUEST", "UNSUPPORTED_MODEL", "UNSUPPORTED_FEATURE")
)
ROUTES = [
    ("POST", TASKS),
    ("GET", TASKS),
    ("GET", EVENTS),
    ("GET", f"{TASKS}/{NOBODY}"),
    ("POST", f"{TASKS}/{NOBODY}/cancel"),
]


@pytest.fixture(scope="module")
def client(site: Any) -> Client:
    return Client(site)


def test_a_task_is_accepted_at_once_and_comes_to_its_images(client: Client) -> None:
    answer = client.ask("@upstream delay=100ms\na cup", n=2)
    task = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (202, "application/json")
    assert answer.headers["cache-control"] == "no-store"
    assert task["id"] == task["task_id"]
    assert len(task["id"]) == len(bytes.fromhex(task["id"])) * 2 == 32
    named = {name: task[name] for name in ("object", "status", "model", "n")}
    assert named == {"object": "image.task", "status": "queued", "model": "gpt-image-2", "n": 2}
    read = client.get(f"{TASKS}/{task['id']}")
    assert (read.status_code, read.headers["cache-control"]) == (200, "no-store")
    assert read.json()["status"] in ("queued", "running")
    ended = client.until(task["id"])
    assert ended["status"] == "succeeded"
    assert sizes(ended) == [(64, 64)] * 2
    assert task["created_at"] <= ended["started_at"] <= ended["finished_at"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, INVALID),
        ({"prompt": None}, INVALID),
        ({"prompt": ""}, INVALID),
        ({"prompt": "  "}, INVALID),
        ({"prompt": 5}, INVALID),
        ({"prompt": ["x"]}, INVALID),
        *(({"prompt": "x", "n": n}, INVALID) for n in (0, -1, 1.5, "2", True, 11, 10**9)),
        ({"prompt": "x", "model": 5}, INVALID),
        ({"prompt": "x", "stream": "true"}, INVALID),
        ({"prompt": "x", "stream": 1}, INVALID),
        ({"prompt": "x", "stream": True}, FEATURE),
        *(({"prompt": "x", name: 7}, INVALID) for name in ("size", "quality", "background", "output_format")),
        *(({"prompt": "x", name: 7}, INVALID) for name in ("image_size", "aspect_ratio", "response_format")),
        ({"prompt": "x", "response_format": "gif"}, INVALID),
        *(({"prompt": "x", "model": name}, MODEL) for name in ("gpt-5.1", "gemini-2.5-flash", "claude-sonnet-4-5")),
        *(({"prompt": "x", "model": name}, MODEL) for name in ("nano-banana", "banana", "", "gpt-image-9", "IMAGE2")),
        ([], INVALID),
    ],
)
def test_a_wrong_request_is_refused_with_its_reason(client: Client, body: Any, reason: str) -> None:
    before = client.list()
    answer = client.post(TASKS, body)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"type", "code", "message"}
    assert (answer.json()["error"]["type"], answer.json()["error"]["code"]) == ("invalid_request_error", reason)
    assert client.list() == before


@pytest.mark.parametrize(("content", "status"), [(b"", 400), (b"{", 400), (b'{"prompt": NaN}', 400)])
def test_a_body_that_is_no_json_is_refused(client: Client, content: bytes, status: int) -> None:
    answer = client.site.client.post(TASKS, headers=client.headers, content=content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, INVALID)


def test_a_form_and_a_large_body_are_refused(house: Any) -> None:
    small = house.start(body_limit=100)
    client = Client(small)
    form = small.client.post(TASKS, headers=client.headers, data={"prompt": "x"})
    assert form.status_code == 415
    assert client.ask("x" * 200).status_code == 413


@pytest.mark.parametrize("role", [*GENERAL, "image:batch+disabled", None])
@pytest.mark.parametrize(("method", "path"), [*ROUTES, *((way, path.removeprefix("/v1")) for way, path in ROUTES)])
def test_only_image_keys_are_let_in(site: Any, role: str | None, method: str, path: str) -> None:
    headers = {} if role is None else site.headers(role)
    answer = site.client.request(method, path, headers=headers)
    if (method, path) == ("GET", "/images/tasks"):
        assert answer.status_code == 405  # the list has no alias
    elif role in GENERAL:
        assert answer.status_code == 403
        assert answer.json() == {"error": answer.json()["error"]}
        assert answer.json()["error"]["type"] == "permission_error"
    else:
        message = {"type": "authentication_error", "message": "Invalid API key"}
        assert (answer.status_code, answer.json()) == (401, {"type": "error", "error": message})


@pytest.mark.parametrize(("condition", "status"), [("exhausted", 403), ("rate_limited", 429)])
def test_a_key_that_may_not_spend_submits_nothing_but_reads(site: Any, condition: str, status: int) -> None:
    client = Client(site, role=f"{BATCH}+{condition}")
    answer = client.ask()
    assert (answer.status_code, "retry-after" in answer.headers) == (status, status == 429)
    assert client.get(TASKS).status_code == 200


@pytest.mark.parametrize(
    ("named", "model"), [(None, "gpt-image-2"), ("image2", "gpt-image-2"), ("gpt-image-2", "gpt-image-2")]
)
def test_openai_models_are_asked_for_in_openais_words(client: Client, named: str | None, model: str) -> None:
    nonce = fresh("openai")
    looks = {"quality": "low", "background": "opaque", "output_format": "webp"}
    more = {"image_size": "1K", "stream": False, "response_format": "b64_json"}
    task = client.ended(f"@upstream nonce={nonce}\na cup", model=named, n=2, size="64x96", **looks, **more)
    (asked,) = client.site.upstream_saw(nonce)
    assert (task["status"], task["model"], sizes(task)) == ("succeeded", model, [(64, 96)] * 2)
    assert asked.path == "/v1/images/generations"
    assert asked.body == {"model": model, "prompt": asked.body["prompt"], "n": 2, "size": "64x96", **looks}


@pytest.mark.parametrize(
    ("fields", "config", "pixels"),
    [
        ({"image_size": "1K", "aspect_ratio": "1:1"}, {"imageSize": "1K", "aspectRatio": "1:1"}, (1024, 1024)),
        ({"size": "1024x1536"}, {"imageSize": "1K", "aspectRatio": "2:3"}, (848, 1264)),
        ({"size": "1792x1024"}, {"imageSize": "1K", "aspectRatio": "16:9"}, (1376, 768)),
        ({"size": "2048x2048"}, {"imageSize": "2K", "aspectRatio": "1:1"}, (2048, 2048)),
        ({"size": "1000x100"}, {"imageSize": "1K"}, (1024, 1024)),
        ({"size": "2048x2048", "image_size": "1K"}, {"imageSize": "1K", "aspectRatio": "1:1"}, (1024, 1024)),
        ({"size": "auto"}, None, (1024, 1024)),
        ({"size": "9:16"}, {"aspectRatio": "9:16"}, (768, 1376)),
        ({"response_format": "url"}, None, (1024, 1024)),
    ],
)
@pytest.mark.parametrize("model", ["gemini-2.5-flash-image", "gemini-3.1-flash-image"])
def test_gemini_models_are_asked_for_in_geminis_words(
    client: Client, model: str, fields: dict[str, str], config: Any, pixels: tuple[int, int]
) -> None:
    nonce = fresh("gemini")
    task = client.ended(f"@upstream nonce={nonce}\na cup", model=model, **({"size": None} | fields))
    (asked,) = client.site.upstream_saw(nonce)
    assert (task["status"], task["model"], sizes(task)) == ("succeeded", model, [pixels])
    assert asked.path == f"/v1beta/models/{model}:generateContent"
    assert asked.body["generationConfig"].get("imageConfig") == config


def test_several_images_of_gemini_are_as_many_requests_and_one_charge(site: Any) -> None:
    client, nonce = Client(site), fresh("three")
    task = client.ended(f"@upstream usage=10,4 nonce={nonce}\na cup", model="gemini-2.5-flash-image", n=3)
    assert (len(sizes(task)), len(site.upstream_saw(nonce))) == (3, 3)
    assert client.booked() == (1, 30, 12)


def test_images_are_read_by_url_where_that_was_asked_for(client: Client, site: Any) -> None:
    task = client.ended(n=2, response_format="url", output_format="webp")
    urls = [item["url"] for item in task["data"]]
    assert [list(item) for item in task["data"]] == [["url"]] * 2
    assert all(url.startswith(f"{TASKS}/{task['id']}/") for url in urls)
    answers = [client.get(url) for url in urls]
    assert {answer.headers["content-type"] for answer in answers} == {"image/webp"}
    assert [Image.open(io.BytesIO(answer.content)).size for answer in answers] == [(64, 64)] * 2
    assert answers[0].content != answers[1].content
    strange = Client(site).get(urls[0])
    missing = client.get(f"{TASKS}/{task['id']}/images/2")
    assert (strange.status_code, missing.status_code) == (404, 404)
    assert strange.content == missing.content == client.get(f"{TASKS}/{NOBODY}").content


def test_the_list_is_newest_first_and_of_the_key_alone(site: Any) -> None:
    client, other = Client(site), Client(site)
    ids = [client.submit() for _ in range(3)]
    other.submit()
    answer = client.get(TASKS)
    assert [task["id"] for task in answer.json()["data"]] == ids[::-1]
    assert (answer.json()["object"], answer.json()["has_more"]) == ("list", False)
    client.until(ids[0])
    assert "data" not in client.list()[-1]
    assert client.list()[-1].items() <= client.read(ids[0]).items()


@pytest.mark.parametrize("path", [TASKS, TASKS.removeprefix("/v1")])
def test_aliases_lead_to_the_same_tasks(site: Any, path: str) -> None:
    client = Client(site)
    task_id = client.post(path, {"prompt": "a cup", "size": "64x64"}).json()["id"]
    ended = client.until(task_id)
    assert client.get(f"{path}/{task_id}").json() == ended
    assert client.post(f"{path}/{task_id}/cancel").status_code == 409
    assert client.get(f"{path}/events/cancel").status_code == 405
    assert client.post(f"{path}/events/cancel").status_code == 404


def test_the_bound_of_n_is_a_setting(house: Any) -> None:
    client = Client(house.start(tasks=TaskSettings(most_images=2)))
    assert [client.ask(n=n).status_code for n in (2, 3)] == [202, 400]


def test_what_a_task_answers_holds_no_key(site: Any) -> None:
    client = Client(site)
    task = client.ended("@upstream status=400\nx")
    assert task["status"] == "failed"
    text = json.dumps(task)
    for secret in (client.key, site.upstream.provider_key, site.upstream.base_url, "directive"):
        assert secret not in text
