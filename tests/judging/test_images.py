"""Images, judged offline: answers, parameters, streams, edits, access."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.forms import File, png
from llmapi_conformance.judging.image_answer import decoded, form_of
from llmapi_conformance.judging.oracles import images, images_access, images_edits, images_stream
from tests.judging.build import exchange
from tests.judging.image_cases import (
    CREATED,
    SCRIPTED,
    USAGE,
    answer,
    bad,
    broken,
    edited,
    events,
    generated,
    judged,
    log,
    pixels,
    streamed,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

RED = png(200, 30, 30)
BLUE = png(30, 30, 200)
ASKED: dict[str, Any] = {"prompt": SCRIPTED, "size": "64x32"}


def found(one: Exchange) -> set[str]:
    return broken(one, "IMG-")


def test_good_answers_break_nothing() -> None:
    assert found(generated()) == set()
    assert found(generated(answer(usage=None))) == set()
    assert found(generated(answer(data=[{"url": "https://x.example/a.png", "b64_json": None}]))) == set()
    assert found(generated(answer(pixels(kind="WEBP")), ASKED | {"output_format": "webp"})) == set()
    assert found(generated(answer(pixels(10, 10)), {"prompt": "x", "size": "auto"})) == set()
    assert found(edited(("prompt", "x"), ("size", "64x32"), ("image", File("a.png", RED)))) == set()


@pytest.mark.parametrize(
    ("clause", "body"),
    [
        ("IMG-N01", {"data": [{"b64_json": pixels()}]}),
        ("IMG-N01", answer(created=CREATED * 1000)),
        ("IMG-N01", {"created": CREATED, "task_id": "1"}),
        ("IMG-N02", answer(pixels(), pixels())),
        ("IMG-N02", answer(data=[{"b64_json": pixels(), "url": "https://x.example"}])),
        ("IMG-N02", answer(data=[{"revised_prompt": "x"}])),
        ("IMG-N03", answer(f"data:image/png;base64,{pixels()}")),
        ("IMG-N03", answer(pixels(kind="JPEG"))),
        ("IMG-N03", answer(pixels()[:60])),
        ("IMG-N04", answer(pixels(32, 64))),
        ("IMG-N05", answer(usage=USAGE | {"total_tokens": 40})),
        ("IMG-N05", answer(usage={"total_tokens": 40})),
        ("IMG-N05", answer(usage=USAGE | {"input_tokens_details": {"text_tokens": 5, "image_tokens": 5}})),
        ("IMG-N06", answer(data=[])),
    ],
)
def test_a_broken_answer_is_told(clause: str, body: Any) -> None:
    assert clause in found(generated(body))


@pytest.mark.parametrize("text", ["", "!", "AAAA", base64.b64encode(b"GIF89a").decode(), 5, None])
def test_what_is_no_picture_decodes_to_none(text: Any) -> None:
    assert decoded(text) is None


def test_the_default_model_reaches_the_upstream_or_is_told() -> None:
    for oracle in (images.the_default_model_is_used, images_edits.the_default_model_edits):
        assert judged(oracle, generated(), log({"model": "gpt-image-2"})) == (1, [])
        assert len(judged(oracle, generated(), log({"model": "dall-e-2"}))[1]) == 1
        assert len(judged(oracle, generated(), log({"prompt": "x"}))[1]) == 1
        assert len(judged(oracle, bad(), log())[1]) == 1
        assert judged(oracle, generated(asked={"model": "gpt-image-2"}), log({"model": "x"})) == (0, [])


@pytest.mark.parametrize(
    ("oracle", "good", "wrong"),
    [
        (images.a_missing_prompt_is_refused, bad(), generated()),
        (images.an_empty_prompt_is_refused, bad(), bad(500)),
        (images.a_text_model_gets_the_documented_body, bad(message=images.NO_IMAGE_MODEL), bad()),
        (images.a_text_model_is_400, bad(), bad(404)),
        (images.n_is_above_zero, bad(422), generated()),
        (images.a_wrong_type_is_refused_with_400, bad(), bad(502)),
        (images.image2_is_a_name_of_tasks, bad(404), generated()),
        (images.geminis_body_is_refused, bad(), generated()),
        (images.the_documented_request_is_served, generated(), bad()),
        (images.one_image_is_the_default, generated(), generated(answer(pixels(), pixels()))),
        (images_stream.a_refused_stream_is_refused_by_status, bad(), streamed([("error", {"error": {}})])),
        (images_edits.edits_take_a_form, generated(), bad()),
        (images_edits.edits_take_json, generated(), bad(415)),
        (images_edits.the_documented_edit_is_served, generated(), bad()),
        (images_edits.a_missing_url_is_named, bad(message=images_edits.URL_REQUIRED), bad()),
        (images_edits.a_file_id_is_refused, bad(), generated()),
        (images_edits.a_file_id_of_the_mask_is_refused, bad(), generated()),
        (images_edits.an_edit_needs_a_prompt, bad(), generated()),
        (images_edits.a_form_needs_an_image, bad(), generated()),
        (images_access.an_openai_key_gets_images, generated(), bad()),
        (
            images_access.images_that_are_switched_off_are_403,
            bad(403, role="general:openai+no_images"),
            generated(role="general:openai+no_images"),
        ),
        (
            images_access.another_platform_gets_the_documented_body,
            bad(404, "not_found_error", images_access.NOT_SUPPORTED, role="general:gemini"),
            bad(404, role="general:gemini"),
        ),
        (
            images_access.another_platform_gets_404,
            bad(404, role="general:anthropic"),
            bad(403, role="general:anthropic"),
        ),
        (
            images_access.another_platform_is_told_why,
            bad(404, message=images_access.NOT_SUPPORTED, role="general:anthropic"),
            bad(404, role="general:anthropic"),
        ),
        (
            images_access.an_image_key_gets_no_synchronous_images,
            bad(403, role="image:batch"),
            generated(role="image:batch"),
        ),
    ],
)
def test_the_wrong_outcome_is_told(oracle: Any, good: Exchange, wrong: Exchange) -> None:
    assert judged(oracle, good) == (1, [])
    assert len(judged(oracle, wrong)[1]) == 1


def test_a_link_in_the_place_of_b64_json_is_told_where_it_was_asked_for() -> None:
    linked = generated(answer(data=[{"url": "https://x.example/a.png"}]))
    assert len(judged(images.the_documented_request_is_served, linked)[1]) == 1


def test_a_documented_body_with_a_type_at_its_top_is_told() -> None:
    body = {"type": "error", "error": {"type": "not_found_error", "message": images_access.NOT_SUPPORTED}}
    one = generated(body, status=404, role="general:gemini")
    assert len(judged(images_access.another_platform_gets_the_documented_body, one)[1]) == 1
    assert found(one) == {"IMG-A08"}
    assert found(generated(body, status=401)) == set()
    assert judged(images_access.image_errors_have_their_envelope, bad()) == (1, [])


def test_options_that_are_dropped_are_told() -> None:
    asked = ASKED | {"quality": "low", "output_compression": 80}
    assert judged(images.options_reach_the_upstream, generated(asked=asked), log(asked)) == (3, [])
    assert len(judged(images.options_reach_the_upstream, generated(asked=asked), log(ASKED))[1]) == 2


def test_a_good_stream_breaks_nothing() -> None:
    assert found(streamed()) == set()
    assert found(streamed(events(partial=0))) == set()
    assert found(streamed(events(partial=1))) == set()
    assert found(streamed(events(route="image_edit"), operation="editImage", path="/v1/images/edits")) == set()


def changed(number: int, **change: Any) -> list[tuple[str | None, Any]]:
    told = events()
    name, data = told[number]
    told[number] = (name, data | change)
    return told


@pytest.mark.parametrize(
    ("clause", "told"),
    [
        ("IMG-S02", events()[:-1]),
        ("IMG-S02", events(route="image_edit")),
        ("IMG-S02", [("partial", events()[0][1]), *events()[1:]]),
        ("IMG-S03", changed(1, partial_image_index=0)),
        ("IMG-S03", changed(1, partial_image_index=2)),
        ("IMG-S03", changed(0, partial_image_index=None)),
        ("IMG-S04", changed(0, b64_json=None)),
        ("IMG-S04", changed(2, partial_image_index=2)),
        ("IMG-S04", changed(1, created_at=CREATED + 1)),
        ("IMG-S05", changed(0, quality=None)),
        ("IMG-S09", [*events(), (None, "[DONE]")]),
    ],
)
def test_a_broken_stream_is_told(clause: str, told: Any) -> None:
    assert clause in found(streamed(told))


def test_a_plain_answer_to_a_stream_is_told() -> None:
    assert found(streamed(body=b'{"created":1,"data":[]}', headers=(("content-type", "application/json"),))) == {
        "IMG-S01"
    }


def test_a_completed_event_without_picture_or_usage_is_told() -> None:
    oracle = images_stream.the_completed_event_brings_what_the_plain_answer_brings
    assert judged(oracle, generated(), streamed()) == (2, [])
    for told in (changed(2, b64_json="AAAA"), changed(2, b64_json=pixels(16, 16)), changed(2, usage=None)):
        assert len(judged(oracle, generated(), streamed(told))[1]) == 1


def test_several_images_in_a_stream() -> None:
    asked = {"prompt": "x", "n": 2, "stream": True}
    oracle = images_stream.several_images_in_a_stream
    assert judged(oracle, streamed([*events(), *events()], request_json=asked)) == (1, [])
    assert len(judged(oracle, streamed(request_json=asked))[1]) == 1


def test_asking_for_a_stream_must_not_be_a_server_error() -> None:
    oracle = images_stream.asking_for_a_stream_is_no_server_error
    asked = {"prompt": SCRIPTED, "stream": True}
    failed = {"error": {"type": "internal_server_error", "message": "no attribute 'model_dump'"}}
    plain, broken_stream = generated(), generated(failed, asked, status=500)
    assert len(judged(oracle, plain, broken_stream)[1]) == 1
    for legal in (streamed(), generated(failed, asked, status=400), generated(failed, asked, status=503)):
        assert judged(oracle, plain, legal) == (1, [])
    assert judged(oracle, broken_stream, broken_stream) == (0, [])


def test_an_error_in_mid_stream_ends_it() -> None:
    oracle = images_stream.an_error_in_mid_stream_is_told
    failed: tuple[str | None, Any] = (None, {"error": {"type": "server_error", "message": "gone"}})
    typed: tuple[str | None, Any] = ("error", {"type": "error", "message": "gone"})
    partial = events()[:1]
    assert judged(oracle, streamed([*partial, failed])) == (1, [])
    assert judged(oracle, streamed([*partial, typed])) == (1, [])
    for told in (partial, events(), [failed, *partial], [*partial, (None, {"error": {}, "type": "error"})]):
        assert len(judged(oracle, streamed(told))[1]) == 1


def test_the_parts_of_a_form_are_read() -> None:
    one = edited(("prompt", "x"), ("image[]", File("a.png", RED)), ("image[]", File("b.png", BLUE)))
    assert [(part.name, part.filename, part.content) for part in form_of(one)] == [
        ("prompt", None, b"x"),
        ("image[]", "a.png", RED),
        ("image[]", "b.png", BLUE),
    ]


def uploaded(*files: tuple[str, bytes], **fields: str) -> Exchange:
    listed = [
        {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in files
    ]
    return log({"fields": [[name, value] for name, value in fields.items()], "files": listed})


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("image", images_edits.repeated_image_parts_all_arrive),
        ("image[]", images_edits.bracketed_image_parts_all_arrive),
    ],
)
def test_a_file_that_is_lost_is_told(name: str, oracle: Any) -> None:
    parts = ((name, File("a.png", RED)), (name, File("b.png", BLUE)))
    assert judged(oracle, edited(*parts), uploaded((name, RED), ("image", BLUE))) == (1, [])
    assert judged(oracle, edited(*parts), None) == (1, [])
    assert len(judged(oracle, edited(*parts), uploaded((name, RED)))[1]) == 1
    assert len(judged(oracle, edited(*parts, body={"error": {}}, status=400), log())[1]) == 1
    assert judged(oracle, edited(parts[0]), log()) == (0, [])


def test_a_file_that_is_changed_is_told() -> None:
    one = edited(("image", File("a.png", RED)), ("mask", File("m.png", BLUE)))
    oracle = images_edits.files_reach_the_upstream_unchanged
    assert judged(oracle, one, uploaded(("image", RED), ("mask", BLUE))) == (2, [])
    assert len(judged(oracle, one, uploaded(("image", RED[:-1]), ("mask", BLUE)))[1]) == 1


def test_options_of_a_form_that_are_dropped_are_told() -> None:
    one = edited(("size", "64x32"), ("n", "1"), ("mask", File("m.png", BLUE)), ("image", File("a.png", RED)))
    oracle = images_edits.options_of_a_form_reach_the_upstream
    assert judged(oracle, one, uploaded(("image", RED), ("mask", BLUE), size="64x32", n="1")) == (3, [])
    assert len(judged(oracle, one, uploaded(("image", RED), size="64x32"))[1]) == 2


def test_a_refused_call_that_goes_upstream_is_told() -> None:
    oracle = images_access.a_refused_call_reaches_no_upstream
    assert judged(oracle, bad(), log()) == (1, [])
    assert len(judged(oracle, bad(), log({}))[1]) == 1
    assert judged(oracle, generated(), log({})) == (0, [])


def usage(cost: float, tokens: int) -> Exchange:
    total = {"requests": 1, "total_tokens": tokens, "actual_cost": cost}
    return exchange(operation="getUsage", method="GET", path="/v1/usage", body={"usage": {"total": total}})


def test_a_refused_call_that_is_charged_is_told() -> None:
    oracle = images_access.refused_calls_charge_nothing
    assert judged(oracle, usage(1.0, 5), usage(1.0, 5), [bad()], usage(1.0, 5)) == (1, [])
    assert len(judged(oracle, usage(1.0, 5), usage(1.0, 5), [bad()], usage(1.1, 9))[1]) == 2
    assert judged(oracle, usage(1.0, 5), usage(1.0, 5), [generated()], usage(1.1, 9)) == (0, [])


def test_an_edit_that_is_not_checked_is_told() -> None:
    oracle = images_access.edits_are_checked_too
    for role, status in (("general:openai+no_images", 403), ("general:gemini", 404)):
        assert judged(oracle, bad(status, role=role, operation="editImage")) == (1, [])
        assert len(judged(oracle, edited(("prompt", "x"), role=role))[1]) == 1
    assert judged(oracle, edited(("prompt", "x"))) == (0, [])
