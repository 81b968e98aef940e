"""A valid key is accepted in each header that is promised, however it is spelled."""

from llmapi_conformance.evidence.exchange import Exchange
from llmapi_conformance.judging.check import clause, judge
from llmapi_conformance.judging.oracles.auth import (
    bearer_is_accepted,
    bearer_is_accepted_as_the_protocols_have_it,
    compatible_headers_are_accepted,
    header_names_are_read_in_any_case,
    no_version_header_is_demanded,
    several_spaces_after_the_scheme_are_accepted,
    the_scheme_is_read_in_any_case,
    white_space_around_the_value_is_ignored,
    x_api_key_is_accepted_on_messages,
)


@clause("AUTH-H01", "AUTH-H02", "AUTH-H03")
def test_the_key_of_an_openai_group_is_accepted_in_each_header(openai_key_in_each_header: dict[str, Exchange]) -> None:
    judge(bearer_is_accepted, openai_key_in_each_header)
    judge(compatible_headers_are_accepted, openai_key_in_each_header)
    judge(bearer_is_accepted_as_the_protocols_have_it, openai_key_in_each_header)


@clause("AUTH-H01", "AUTH-H02", "AUTH-H03", "AUTH-H04")
def test_the_key_of_an_anthropic_group_is_accepted_in_each_header(
    anthropic_key_in_each_header: dict[str, Exchange],
) -> None:
    judge(bearer_is_accepted, anthropic_key_in_each_header)
    judge(compatible_headers_are_accepted, anthropic_key_in_each_header)
    judge(bearer_is_accepted_as_the_protocols_have_it, anthropic_key_in_each_header)
    judge(x_api_key_is_accepted_on_messages, anthropic_key_in_each_header)


@clause("AUTH-H01", "AUTH-H02")
def test_an_image_key_is_accepted_in_each_header(image_key_in_each_header: dict[str, Exchange]) -> None:
    judge(bearer_is_accepted, image_key_in_each_header)
    judge(compatible_headers_are_accepted, image_key_in_each_header)


@clause("AUTH-H05", "AUTH-H06", "AUTH-H07", "AUTH-H08")
def test_a_key_is_accepted_however_its_header_is_spelled(key_spelled_otherwise: dict[str, Exchange]) -> None:
    judge(header_names_are_read_in_any_case, key_spelled_otherwise)
    judge(the_scheme_is_read_in_any_case, key_spelled_otherwise)
    judge(white_space_around_the_value_is_ignored, key_spelled_otherwise)
    judge(several_spaces_after_the_scheme_are_accepted, key_spelled_otherwise)


@clause("AUTH-H09")
def test_a_message_needs_no_version_header(message_without_version: Exchange) -> None:
    judge(no_version_header_is_demanded, message_without_version)
