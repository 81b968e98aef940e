"""What the gateway takes from clients, passes on, and keeps to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import messages_gateway as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("MSG-G01", "MSG-G02", "MSG-G15")
def test_secrets_stay_on_their_side(messages_tool_result: dict[str, Any]) -> None:
    judge(oracles.the_clients_key_stays_at_the_gateway, messages_tool_result["log"])
    judge(oracles.the_providers_key_stays_at_the_gateway, messages_tool_result["answer"])
    judge(oracles.the_providers_headers_and_address_stay_at_the_gateway, messages_tool_result["answer"])


@clause("MSG-G01", "MSG-G03", "MSG-G05", "MSG-G06", "MSG-G07", "MSG-G11")
def test_a_conversation_reaches_an_anthropic_provider_as_sent(messages_thinking: dict[str, Exchange]) -> None:
    history, log = messages_thinking["history"], messages_thinking["log"]
    judge(oracles.unknown_beta_values_are_tolerated, history)
    judge(oracles.the_clients_key_stays_at_the_gateway, log)
    judge(oracles.version_and_beta_headers_are_forwarded, history, log)
    judge(oracles.the_system_prompt_keeps_its_shape, history, log)
    judge(oracles.the_conversation_keeps_its_shape, history, log)
    judge(oracles.a_thinking_block_goes_back_to_the_provider_untouched, history, log)


@clause("MSG-G08")
def test_the_current_version_is_served(messages_twins: dict[str, Exchange]) -> None:
    judge(oracles.the_current_version_is_accepted, messages_twins["plain"])


@clause("MSG-G09", "MSG-G12", "MSG-G13", "MSG-G14")
def test_what_clients_send_beside_the_minimum_is_taken(messages_of_clients: dict[str, Any]) -> None:
    judge(oracles.the_new_version_is_accepted, messages_of_clients["version"])
    judge(oracles.a_query_does_not_change_the_route, messages_of_clients["query"])
    judge(oracles.system_turns_among_the_messages_are_accepted, messages_of_clients["system"])
    judge(oracles.an_unknown_member_is_no_server_error, messages_of_clients["unknown"])


@clause("MSG-G04")
def test_an_unknown_member_reaches_the_provider_or_is_refused(messages_of_clients: dict[str, Any]) -> None:
    if messages_of_clients["log"] is not None:
        judge(
            oracles.unknown_members_reach_the_provider,
            messages_of_clients["unknown"],
            messages_of_clients["log"],
            messages_of_clients["member"],
        )


@clause("MSG-P01")
def test_each_delta_is_passed_on_before_the_next_one(messages_step_by_step: dict[str, Any]) -> None:
    judge(
        oracles.each_delta_is_passed_on_before_the_next_one,
        messages_step_by_step["stream"],
        messages_step_by_step["held"],
    )


@clause("MSG-P02")
def test_a_hang_up_reaches_the_provider(messages_hang_up: dict[str, Exchange]) -> None:
    judge(oracles.a_hang_up_reaches_the_provider, messages_hang_up["stream"], messages_hang_up["log"])
