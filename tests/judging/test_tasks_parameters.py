"""Parameters of image tasks, judged offline: what the task says of them and what the upstream got."""

from __future__ import annotations

from typing import Any

import pytest

from llmapi_conformance.judging.oracles import tasks_parameters as oracles
from tests.judging.task_cases import bad, detail, ended, judged, log, submitted, task

BARE: dict[str, Any] = {"prompt": "a bottle"}
SYNONYM: dict[str, Any] = BARE | {"model": "image2"}
WIDE: dict[str, Any] = BARE | {"model": "gemini-3.1-flash-image", "size": "1536x1024"}
OURS = {"model": "gpt-image-2"}
DALL_E = {"model": "dall-e-3"}


@pytest.mark.parametrize(
    ("oracle", "asked"),
    [(oracles.the_default_model_is_gpt_image_2, BARE), (oracles.image2_is_gpt_image_2, SYNONYM)],
)
def test_the_default_model_and_its_synonym(oracle: Any, asked: dict[str, Any]) -> None:
    answer, readings = submitted(asked=asked), [detail(ended())]
    assert judged(oracle, answer, readings, log(OURS)) == (3, [])
    assert judged(oracle, answer, readings, None) == (2, [])
    assert judged(oracle, submitted({"id": "x"}, asked), readings, log()) == (1, [])
    wrong: tuple[tuple[Any, ...], ...] = (
        (submitted(task(**DALL_E), asked), readings, None),
        (answer, [detail(ended(**asked | {"model": "image2"}))], None),
        (answer, readings, log(DALL_E)),
        (answer, readings, log({"prompt": "a bottle"})),
        (submitted(asked=asked, **bad()), [], None),
    )
    for subjects in wrong:
        assert len(judged(oracle, *subjects)[1]) == 1
    assert judged(oracle, submitted(asked=BARE | DALL_E), [], log(DALL_E)) == (0, [])


def test_one_image_is_the_default() -> None:
    oracle = oracles.one_image_is_the_default_of_tasks
    assert judged(oracle, submitted(asked=BARE), [detail()]) == (2, [])
    assert judged(oracle, submitted({"id": "x"}, BARE), []) == (0, [])
    assert judged(oracle, submitted(asked=BARE | {"n": 2}), [detail(task(n=2))]) == (0, [])
    for wrong in (2, True, "1"):
        assert len(judged(oracle, submitted(asked=BARE), [detail(task(n=wrong))])[1]) == 1


def test_options_reach_openai() -> None:
    asked = BARE | {"size": "1536x1024", "quality": "low", "background": "opaque", "output_format": "webp"}
    answer = submitted(asked=asked)
    assert judged(oracles.size_reaches_openai, answer, log(asked)) == (1, [])
    assert judged(oracles.looks_reach_openai, answer, log(asked)) == (3, [])
    assert len(judged(oracles.size_reaches_openai, answer, log(asked | {"size": "1024x1024"}))[1]) == 1
    for name in ("quality", "background", "output_format"):
        without = {key: value for key, value in asked.items() if key != name}
        assert len(judged(oracles.looks_reach_openai, answer, log(without))[1]) == 1
    assert judged(oracles.size_reaches_openai, answer, log()) == (0, [])


def gemini(**config: Any) -> dict[str, Any]:
    return {"contents": [], "generationConfig": {"imageConfig": config}}


def test_a_size_becomes_geminis_image_config() -> None:
    oracle = oracles.size_reaches_gemini
    answer = submitted(asked=WIDE)
    assert judged(oracle, answer, log(gemini(imageSize="1K", aspectRatio="3:2"))) == (1, [])
    snake = {"generation_config": {"image_config": {"image_size": "2K", "aspect_ratio": "3:2"}}}
    assert judged(oracle, answer, log(snake)) == (1, [])
    older = submitted(asked=WIDE | {"model": "gemini-2.5-flash-image"})
    assert judged(oracle, older, log(gemini(aspectRatio="3:2"))) == (1, [])
    wrongs: tuple[dict[str, Any], ...] = (
        gemini(imageSize="1K", aspectRatio="1:1"),
        gemini(imageSize="1K"),
        gemini(aspectRatio="3:2"),
        gemini(imageSize="1536x1024", aspectRatio="3:2"),
        {"size": "1536x1024"},
        {"generationConfig": []},
    )
    for wrong in wrongs:
        assert len(judged(oracle, answer, log(wrong))[1]) == 1
    assert judged(oracle, answer, log()) == (0, [])
    assert judged(oracle, submitted(asked=BARE), log(gemini())) == (0, [])


def test_images_are_made_as_data_unless_asked_otherwise() -> None:
    oracle = oracles.tasks_make_images_as_data
    answer, address = submitted(asked=BARE), [{"url": "https://x.example/a.png"}]
    assert judged(oracle, answer, [detail(), detail(ended())], log(OURS)) == (1, [])
    assert judged(oracle, answer, [detail(ended(data=address))], log(OURS | {"response_format": "b64_json"})) == (1, [])
    assert judged(oracle, answer, [detail(), detail(ended())], None) == (1, [])
    assert judged(oracle, answer, [detail(ended(data=address))], None) == (0, [])
    assert judged(oracle, answer, [detail(ended("failed"))], None) == (0, [])
    assert len(judged(oracle, answer, [detail(ended())], log(OURS | {"response_format": "url"}))[1]) == 1
    asked = submitted(asked=BARE | {"response_format": "url"})
    assert judged(oracle, asked, [detail(ended(data=address))], log({"response_format": "url"})) == (0, [])
