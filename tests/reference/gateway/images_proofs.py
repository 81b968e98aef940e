"""What of each fault of images is seen on the wire; test_faults runs them."""

from __future__ import annotations

import base64
import binascii
import io
import json
from typing import Any

from PIL import Image

GPT = "general:openai"
GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
PICTURE: dict[str, Any] = {"images": [{"image_url": "https://example.com/input.png"}]}
NOT_IMAGES = "images endpoint requires an image model"


def ask(site: Any, role: str = GPT, **fields: Any) -> Any:
    body = {"prompt": "a cup", "size": "64x64", **fields}
    path = EDITS if "images" in body or "mask" in body else GENERATIONS
    return site.post(path, role, {name: value for name, value in body.items() if value is not None})


def status(site: Any, role: str = GPT, **fields: Any) -> int:
    return int(ask(site, role, **fields).status_code)


def png() -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(written, "PNG")
    return written.getvalue()


def form(site: Any, *names: str) -> Any:
    files = [(name, ("a.png", png(), "image/png")) for name in names]
    fields = {"prompt": "a cup", "size": "64x64", "n": "2"}
    return site.client.post(EDITS, headers=site.headers(GPT), data=fields, files=files)


def drawn(answer: Any) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(answer.json()["data"][0]["b64_json"], validate=True)))


def sizes(site: Any) -> list[tuple[int, int]]:
    return [drawn(answer).size for answer in (ask(site), ask(site, **PICTURE), form(site, "image"))]


def decodes(site: Any) -> bool:
    try:
        drawn(ask(site))
    except (binascii.Error, ValueError):
        return False
    return True


def booked(site: Any) -> int:
    fresh = site.key(GPT)
    site.client.post(GENERATIONS, headers={"x-api-key": fresh}, json={})
    return int(site.usage(fresh)["usage"]["total"]["requests"])


def message(answer: Any) -> str:
    return str(answer.json()["error"]["message"])


def events(site: Any, **fields: Any) -> list[tuple[str, dict[str, Any]]]:
    lines = [line for line in ask(site, stream=True, partial_images=2, **fields).text.split("\n") if line]
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    return list(zip(names, data, strict=True))


def other_platform(site: Any) -> tuple[int, str]:
    answer = ask(site, "general:gemini")
    return int(answer.status_code), message(answer)


def sums(site: Any) -> bool:
    usage = ask(site).json()["usage"]
    return bool(usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"])


def times(site: Any) -> int:
    return len({event["created_at"] for _, event in events(site)})


def with_mask(site: Any) -> list[int]:
    """Input tokens of an edit with a mask: pictures cost 256 each."""
    mask: dict[str, Any] = {"mask": {"image_url": "https://example.com/mask.png"}}
    answers = (ask(site, **PICTURE, **mask), form(site, "image", "mask"))
    return [answer.json()["usage"]["input_tokens_details"]["image_tokens"] for answer in answers]


def two_files(site: Any) -> int:
    return int(form(site, "image", "image").json()["usage"]["input_tokens_details"]["image_tokens"])


def kind(site: Any) -> str:
    return str(ask(site, stream=True).headers["content-type"].partition(";")[0])


# fault -> what is observed, what the conforming gateway shows, what the faulty one shows
IMAGE_PROOFS: dict[str, tuple[Any, Any, Any]] = {
    "M33": (sizes, [(64, 64)] * 3, [(1024, 1024)] * 3),
    "I01": (
        lambda site: [status(site, f"general:{name}") for name in ("anthropic", "gemini", "antigravity")],
        [404] * 3,
        [200] * 3,
    ),
    "I02": (lambda site: [status(site, f"{GPT}+no_images", **more) for more in ({}, PICTURE)], [403] * 2, [200] * 2),
    "I03": (
        lambda site: [len(answer.json()["data"]) for answer in (ask(site, n=2), form(site, "image"))],
        [2, 2],
        [1, 1],
    ),
    "I04": (decodes, True, False),
    "I05": (booked, 0, 1),
    "I06": (lambda site: sorted(ask(site, response_format="b64_json").json()["data"][0]), ["b64_json"], ["url"]),
    "I07": (
        lambda site: [int(form(site, name).status_code) for name in ("image", "image[]")],
        [200, 200],
        [200, 400],
    ),
    "I08": (lambda site: int(form(site, "image").status_code), 200, 400),
    "I09": (lambda site: message(ask(site, model="gpt-5.1")), NOT_IMAGES, f'{NOT_IMAGES}, got "gpt-5.1"'),
    "I10": (lambda site: ask(site, prompt=None).json().get("type"), None, "error"),
    "I11": (
        lambda site: [
            status(site, images=[{"file_id": "file-1"}]),
            status(site, **PICTURE, mask={"file_id": "file-1"}),
        ],
        [400, 400],
        [200, 200],
    ),
    "I12": (
        lambda site: [event.get("partial_image_index") for _, event in events(site)],
        [0, 1, None],
        [0, 0, None],
    ),
    "I13": (
        lambda site: {name.partition(".")[0] for name, _ in events(site, **PICTURE)},
        {"image_edit"},
        {"image_generation"},
    ),
    "I14": (lambda site: "[DONE]" in ask(site, stream=True).text, False, True),
    "I15": (lambda site: drawn(ask(site, output_format="jpeg")).format, "JPEG", "PNG"),
    "I16": (sums, True, False),
    "I17": (lambda site: [status(site, prompt=wrong) for wrong in (None, "")], [400, 400], [200, 200]),
    "I18": (lambda site: [status(site, n=wrong) for wrong in (0, -1)], [400, 400], [200, 200]),
    "I20": (
        lambda site: [status(site, **wrong) for wrong in ({"prompt": 5}, {"n": "2"}, {"size": 64}, {"stream": "no"})],
        [400] * 4,
        [200] * 4,
    ),
    "I21": (status, 200, 400),
    "I22": (lambda site: len(ask(site).json()["data"]), 1, 2),
    "I23": (lambda site: ask(site).json()["created"] < 10**11, True, False),
    "I24": (kind, "text/event-stream", "application/json"),
    "I25": (times, 1, 3),
    "I26": (with_mask, [512, 512], [256, 256]),
    "I27": (two_files, 512, 256),
    "I19": (
        other_platform,
        (404, "Images API is not supported for this platform"),
        (403, "This platform has no images"),
    ),
}
