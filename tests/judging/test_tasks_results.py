"""Results and charges of tasks, judged offline."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracles import tasks_results as results
from tests.judging.build import exchange
from tests.judging.task_cases import (
    ID,
    OTHER_ID,
    SUBMITTED,
    bad,
    broken,
    detail,
    ended,
    judged,
    pixels,
    submitted,
    task,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

SMALL: dict[str, Any] = SUBMITTED | {"size": "64x32"}


def images(*texts: str, task_id: str = ID, **changes: Any) -> Exchange:
    """A succeeded task with these images as data."""
    return detail(ended(task_id=task_id, data=[{"b64_json": one} for one in texts], **changes), task_id=task_id)


def at(*addresses: str, **changes: Any) -> Exchange:
    """A succeeded task with these images by address."""
    return detail(ended(data=[{"url": one} for one in addresses], **changes))


@pytest.mark.parametrize(
    "one",
    [
        images(pixels()),
        images(pixels(), pixels(10, 10), n=2),
        at("https://x.example/a.png"),
        at("https://x.example/a.png", "https://x.example/b.png", n=2),
        detail(ended(data=None, result={"images": [{"url": f"data:image/png;base64,{pixels()}"}]})),
        detail(ended(data=[{"b64_json": pixels(), "url": "https://x.example/a.png"}])),
        detail(ended(data=[{"url": "https://x.example/a.png"}], url="https://x.example/a.png")),
        detail(ended(data=[{"url": "https://x.example/a.png", "thumbnail": {"url": "https://x.example/t.png"}}])),
        detail(ended(data=[{"b64_json": pixels(), "url": f"data:image/png;base64,{pixels()}"}])),
        detail(ended(data=None, images=["https://x.example/a.png", "https://x.example/b.png"], n=2)),
        detail(ended(data=None, output={"image_0": pixels()})),
        detail(ended(data=None, result_url="s3://bucket/a.png")),
        detail(ended("failed")),
        detail(task("running")),
    ],
)
def test_a_sound_result_breaks_nothing(one: Exchange) -> None:
    assert "TASK-L10" not in broken(one, "TASK-L")


@pytest.mark.parametrize(
    "one",
    [
        detail(ended(data=None)),
        detail(ended(data=[])),
        images(pixels(), n=2),
        images(pixels()[:60]),
        images("AAAA"),
        images(pixels(), pixels(10, 10)),
        at("https://x.example/a.png", n=3),
    ],
)
def test_a_broken_result_is_told(one: Exchange) -> None:
    assert "TASK-L10" in broken(one, "TASK-L")


@pytest.mark.parametrize(
    ("asked", "one", "wrong"),
    [
        (SMALL, images(pixels()), 0),
        (SMALL | {"n": 2}, images(pixels(), pixels(kind="WEBP"), n=2), 0),
        (SMALL | {"n": 2}, images(pixels(), n=1), 1),
        (SMALL | {"n": 2}, images(pixels(), pixels(), n=2), 1),
        (SMALL, images(pixels(32, 64)), 1),
        (SMALL | {"size": "auto"}, images(pixels(32, 64)), 0),
        (SMALL, at("https://x.example/a.png"), 0),
        (SMALL | {"n": 2}, at("/a.png", "/a.png", n=2), 1),
    ],
)
def test_what_was_asked_for_is_there(asked: Any, one: Exchange, wrong: int) -> None:
    examined, observed = judged(results.the_images_asked_for_are_there, submitted(asked=asked), [detail(), one])
    assert (examined, len(observed)) == (1, wrong)


def test_without_a_success_there_is_no_result() -> None:
    assert judged(results.the_images_asked_for_are_there, submitted(), [detail(ended("failed"))]) == (0, [])
    assert judged(results.an_address_leads_to_an_image, []) == (0, [])


def test_an_address_has_an_image() -> None:
    def fetched(body: bytes, status: int = 200) -> Exchange:
        return exchange(operation="", method="GET", path="/a.png", body=body, status=status)

    picture = base64.b64decode(pixels())
    assert judged(results.an_address_leads_to_an_image, [fetched(picture)]) == (1, [])
    for wrong in ([fetched(b"<html>")], [fetched(b"{}", 404)], [fetched(b"{}", 403), fetched(b"{}", 403)]):
        assert len(judged(results.an_address_leads_to_an_image, wrong)[1]) == 1
    assert judged(results.an_address_leads_to_an_image, [fetched(b"{}", 503)]) == (0, [])
    # A storage whose addresses are signed takes no key beside the signature.
    assert judged(results.an_address_leads_to_an_image, [fetched(b"{}", 400), fetched(picture)]) == (1, [])


def own(*pairs: tuple[tuple[int, int], str]) -> tuple[list[Exchange], list[list[Exchange]]]:
    """Tasks that ask for a size each, and the picture that each holds."""
    made = [f"{number:032x}" for number in range(len(pairs))]
    asked = [
        submitted(task(task_id=one), SUBMITTED | {"size": f"{size[0]}x{size[1]}"})
        for one, (size, _) in zip(made, pairs, strict=True)
    ]
    return asked, [[images(text, task_id=one)] for one, (_, text) in zip(made, pairs, strict=True)]


A, B, C = (64, 32), (80, 32), (96, 32)


@pytest.mark.parametrize(
    ("pairs", "wrong"),
    [
        ([(A, pixels(*A)), (B, pixels(*B)), (C, pixels(*C))], 0),
        ([(A, pixels(*B)), (B, pixels(*A)), (C, pixels(*C))], 2),
        ([(A, pixels(*A)), (B, pixels(*B)), (C, pixels(10, 10))], 0),
        # One that makes sizes of its own: what comes of 96 is what comes of 80 as well.
        ([(A, pixels(*A)), (B, pixels(*B)), (C, pixels(*B, "WEBP"))], 0),
        ([(A, pixels(*B)), (B, pixels(*C)), (C, pixels(*A))], 3),
        ([(A, pixels(*A)), (B, pixels(*A)), (C, pixels(*C))], 1),
        # A gateway to which sizes mean nothing.
        ([(A, pixels(8, 8)), (B, pixels(8, 8, "WEBP")), (C, pixels(8, 8, "GIF"))], 0),
        ([(A, pixels(8, 8)), (B, pixels(8, 8)), (C, pixels(8, 8, "GIF"))], 1),
        ([(A, "AAAA"), (B, pixels(*B)), (C, pixels(*C))], 0),
    ],
)
def test_a_result_of_another_task_is_told(pairs: list[tuple[tuple[int, int], str]], wrong: int) -> None:
    assert len(judged(results.each_task_holds_its_own_result, *own(*pairs))[1]) == wrong


def usage(requests: int = 0, tokens: int = 0, cost: float = 0.0, **extra: Any) -> Exchange:
    """An answer of usage."""
    total = {"requests": requests, "total_tokens": tokens, "output_tokens": tokens, "actual_cost": cost}
    body = {"mode": "unrestricted", "usage": {"total": total}}
    return exchange(operation="getUsage", method="GET", path="/v1/usage", **({"body": body} | extra))


NOTHING = [usage(), usage()]
SUCCESS = [detail(task("running")), detail(ended())]


@pytest.mark.parametrize(
    ("after", "wrong"),
    [
        (usage(1, 22, 0.1), 0),
        (usage(0, 22), 0),
        (usage(1), 0),
        (usage(0, 0, 0.1), 0),
        (usage(), 1),
        (usage(2, 22, 0.1), 1),
        (usage(1, 44, 0.2), 1),
    ],
)
def test_a_success_is_charged_once(after: Exchange, wrong: int) -> None:
    examined, observed = judged(results.a_success_is_charged_once, [*NOTHING, after], SUCCESS, 22)
    assert (examined, len(observed)) == (1, wrong)


def test_what_asking_for_usage_adds_is_no_charge() -> None:
    counted = [usage(1), usage(2)]
    assert judged(results.a_success_is_charged_once, [*counted, usage(7, 22)], SUCCESS, 22) == (1, [])
    failure = [detail(ended("failed"))]
    assert judged(results.a_task_without_success_is_not_charged, [*counted, usage(4)], failure) == (1, [])


def test_usage_that_is_refused_says_nothing() -> None:
    refused = [usage(**bad(403))]
    assert judged(results.a_success_is_charged_once, refused, SUCCESS, 22) == (0, [])
    assert judged(results.a_task_without_success_is_not_charged, refused, [detail(ended("failed"))]) == (0, [])
    assert judged(results.a_success_is_charged_once, [*NOTHING, usage(1)], [detail(ended("failed"))], 22) == (0, [])


@pytest.mark.parametrize("state", ["failed", "timeout", "canceled"])
def test_what_did_not_succeed_costs_nothing(state: str) -> None:
    oracle, ends = results.a_task_without_success_is_not_charged, [detail(task()), detail(ended(state))]
    assert judged(oracle, [*NOTHING, usage()], ends) == (1, [])
    assert judged(oracle, [*NOTHING, usage(1)], ends) == (1, [])
    assert len(judged(oracle, [*NOTHING, usage(1, 22, 0.1)], ends)[1]) == 1
    assert len(judged(oracle, [*NOTHING, usage(0, 0, 0.1)], ends)[1]) == 1
    assert judged(oracle, [*NOTHING, usage(1, 22)], [detail(task("running"))]) == (0, [])
    assert judged(oracle, [*NOTHING, usage(1, 22)], SUCCESS) == (0, [])


def test_another_task_is_another_holder() -> None:
    same = pixels()
    asked = [submitted(task(task_id=one), SMALL) for one in (ID, OTHER_ID)]
    lives = [[images(same, task_id=one), images(same, task_id=one)] for one in (ID, OTHER_ID)]
    assert len(judged(results.each_task_holds_its_own_result, asked, lives)[1]) == 1
