"""Bad requests are refused with the status that fits, and alike in both modes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import refusals

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("ERR-S01", "ERR-S03", "ERR-S06", "ERR-S14")
def test_a_body_that_is_no_json_is_refused(body_not_json: Exchange) -> None:
    if body_not_json.label == "invalid-utf8":  # a parser may be lenient about it (RFC 8259 section 9)
        judge(refusals.an_awkward_request_is_no_crash, body_not_json)
        return
    judge(refusals.invalid_json_is_400, body_not_json)
    judge(refusals.an_unreadable_body_is_refused, body_not_json)
    judge(refusals.an_invalid_request_is_400, body_not_json)


@clause("ERR-S01", "ERR-S03", "ERR-S06")
def test_a_token_count_that_is_no_json_is_refused(count_not_json: Exchange) -> None:
    judge(refusals.invalid_json_is_400, count_not_json)
    judge(refusals.an_unreadable_body_is_refused, count_not_json)
    judge(refusals.an_invalid_request_is_400, count_not_json)


@clause("ERR-S01", "ERR-S03", "ERR-S06")
def test_a_task_that_is_no_json_is_refused(task_not_json: Exchange) -> None:
    judge(refusals.invalid_json_is_400, task_not_json)
    judge(refusals.an_unreadable_body_is_refused, task_not_json)
    judge(refusals.an_invalid_request_is_400, task_not_json)


@clause("ERR-S03", "ERR-S06")
def test_a_body_that_is_no_object_is_refused(body_no_object: Exchange) -> None:
    judge(refusals.an_unreadable_body_is_refused, body_no_object)
    judge(refusals.an_invalid_request_is_400, body_no_object)


@clause("ERR-S03", "ERR-S06")
def test_a_token_count_that_is_no_object_is_refused(count_no_object: Exchange) -> None:
    judge(refusals.an_unreadable_body_is_refused, count_no_object)
    judge(refusals.an_invalid_request_is_400, count_no_object)


@clause("ERR-S03", "ERR-S06")
def test_a_task_that_is_no_object_is_refused(task_no_object: Exchange) -> None:
    judge(refusals.an_unreadable_body_is_refused, task_no_object)
    judge(refusals.an_invalid_request_is_400, task_no_object)


@clause("ERR-S14")
def test_a_task_of_another_media_type_is_no_crash(task_of_another_media_type: list[Exchange]) -> None:
    for exchange in task_of_another_media_type:
        judge(refusals.an_awkward_request_is_no_crash, exchange)


@clause("ERR-S02", "ERR-S04", "ERR-S06")
def test_a_parameter_of_the_wrong_type_is_refused(member_of_wrong_type: dict[str, Exchange]) -> None:
    judge(refusals.a_wrong_type_is_400, member_of_wrong_type["plain"])
    judge(refusals.a_wrong_type_is_refused, member_of_wrong_type["plain"])
    judge(refusals.an_invalid_request_is_400, member_of_wrong_type["plain"])


@clause("ERR-S02", "ERR-S04", "ERR-S06")
def test_a_token_count_with_a_wrong_type_is_refused(count_of_wrong_type: Exchange) -> None:
    judge(refusals.a_wrong_type_is_400, count_of_wrong_type)
    judge(refusals.a_wrong_type_is_refused, count_of_wrong_type)
    judge(refusals.an_invalid_request_is_400, count_of_wrong_type)


@clause("ERR-S02", "ERR-S14")
def test_an_option_of_the_wrong_type_is_refused(option_of_wrong_type: Exchange) -> None:
    judge(refusals.a_wrong_type_is_400, option_of_wrong_type)
    judge(refusals.an_awkward_request_is_no_crash, option_of_wrong_type)


@clause("ERR-S05", "ERR-S06")
def test_a_request_without_a_required_parameter_is_refused(member_missing: dict[str, Exchange]) -> None:
    judge(refusals.a_missing_parameter_is_refused, member_missing["plain"])
    judge(refusals.an_invalid_request_is_400, member_missing["plain"])


@clause("ERR-S05", "ERR-S06")
def test_a_token_count_without_a_required_parameter_is_refused(count_missing: Exchange) -> None:
    judge(refusals.a_missing_parameter_is_refused, count_missing)
    judge(refusals.an_invalid_request_is_400, count_missing)


@clause("ERR-S07", "ERR-S08")
def test_a_limit_below_zero_is_refused(limit_below_zero: dict[str, Exchange]) -> None:
    plain = limit_below_zero["plain"]
    if plain.operation == "createMessage":
        judge(refusals.a_negative_limit_is_refused, plain)
    else:
        judge(refusals.a_negative_limit_on_chat_is_refused, plain)


@clause("ERR-S12")
def test_a_limit_of_zero_makes_no_text(limit_of_zero: Exchange) -> None:
    judge(refusals.a_limit_of_zero_makes_no_text, limit_of_zero)


@clause("ERR-S09", "ERR-S10")
def test_an_unknown_model_is_the_clients_error(model_unknown: dict[str, Exchange]) -> None:
    judge(refusals.an_unknown_model_is_refused, model_unknown["plain"])
    judge(refusals.an_unknown_model_is_404, model_unknown["plain"])


@clause("ERR-S09", "ERR-S10")
def test_a_token_count_for_an_unknown_model_is_no_server_error(count_of_unknown_model: Exchange) -> None:
    judge(refusals.an_unknown_model_is_refused, count_of_unknown_model)
    judge(refusals.an_unknown_model_is_404, count_of_unknown_model)


@clause("ERR-S11")
def test_an_unknown_role_is_refused(role_unknown: Exchange) -> None:
    judge(refusals.an_unknown_role_is_refused, role_unknown)


@clause("ERR-S13", "ERR-S14", "ERR-S15")
def test_awkward_requests_harm_nothing(awkward_requests: dict[str, Exchange]) -> None:
    judge(refusals.a_lone_surrogate_is_no_crash, awkward_requests["surrogate"])
    for name in ("form", "text", "nesting", "integer", "exponent"):
        judge(refusals.an_awkward_request_is_no_crash, awkward_requests[name])
    judge(refusals.a_bad_request_harms_only_itself, awkward_requests["correct"])


@clause("ERR-S16", "ERR-S17")
def test_a_body_over_the_limit_is_refused(body_too_large: dict[str, Exchange]) -> None:
    judge(refusals.a_body_over_the_limit_is_413, body_too_large["sized"])
    judge(refusals.both_ways_of_a_large_body_are_refused_alike, body_too_large["sized"], body_too_large["chunked"])


def _judge_both_modes(plain: Exchange, stream: Exchange) -> None:
    judge(refusals.a_bad_stream_request_is_refused_by_status, plain, stream)
    judge(refusals.both_modes_refuse_with_the_same_status, plain, stream)
    judge(refusals.both_modes_refuse_with_the_same_type, plain, stream)


@clause("ERR-T01", "ERR-T02", "ERR-T03")
def test_both_modes_refuse_a_wrong_type_alike(member_of_wrong_type: dict[str, Exchange]) -> None:
    _judge_both_modes(member_of_wrong_type["plain"], member_of_wrong_type["stream"])


@clause("ERR-T01", "ERR-T02", "ERR-T03")
def test_both_modes_refuse_a_missing_parameter_alike(member_missing: dict[str, Exchange]) -> None:
    _judge_both_modes(member_missing["plain"], member_missing["stream"])


@clause("ERR-T01", "ERR-T02", "ERR-T03")
def test_both_modes_refuse_a_limit_below_zero_alike(limit_below_zero: dict[str, Exchange]) -> None:
    _judge_both_modes(limit_below_zero["plain"], limit_below_zero["stream"])


@clause("ERR-T01", "ERR-T02", "ERR-T03")
def test_both_modes_refuse_an_unknown_model_alike(model_unknown: dict[str, Exchange]) -> None:
    _judge_both_modes(model_unknown["plain"], model_unknown["stream"])
