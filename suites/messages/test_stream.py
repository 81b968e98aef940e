"""What a Messages stream looks like: framing, order, and each event by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import messages_stream as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("MSG-S01", "MSG-S02", "MSG-S03")
def test_events_are_framed_as_messages(messages_twins: dict[str, Exchange]) -> None:
    stream = messages_twins["stream"]
    judge(oracles.every_event_has_a_name, stream)
    judge(oracles.the_data_repeats_the_name_of_its_event, stream)
    judge(oracles.no_done_marker_comes, stream)


@clause("MSG-S04", "MSG-S05", "MSG-S08")
def test_events_come_in_order(messages_twins: dict[str, Exchange]) -> None:
    stream = messages_twins["stream"]
    judge(oracles.events_come_in_the_order_of_the_grammar, stream)
    judge(oracles.every_block_has_one_start_and_one_stop, stream)
    judge(oracles.block_indices_count_up_from_nought, stream)


@clause("MSG-S06", "MSG-S10")
def test_the_message_and_its_blocks_start_empty(messages_twins: dict[str, Exchange]) -> None:
    judge(oracles.the_message_starts_empty, messages_twins["stream"])
    judge(oracles.blocks_start_with_their_zero_value, messages_twins["stream"])


@clause("MSG-S07", "MSG-S17")
def test_message_stop_is_the_one_terminal(messages_twins: dict[str, Exchange]) -> None:
    judge(oracles.message_stop_is_the_one_terminal, messages_twins["stream"])
    judge(oracles.the_response_ends_soon_after_message_stop, messages_twins["stream"])


@clause("MSG-S09", "MSG-S18")
def test_text_comes_in_text_deltas(messages_twins: dict[str, Exchange]) -> None:
    judge(oracles.deltas_fit_their_block, messages_twins["stream"])
    judge(oracles.no_text_block_is_empty, messages_twins["stream"])


@clause("MSG-S13", "MSG-S14")
def test_the_last_message_delta_tells_the_end(messages_twins: dict[str, Exchange]) -> None:
    judge(oracles.the_last_message_delta_tells_the_end, messages_twins["stream"])
    judge(oracles.output_tokens_never_fall, messages_twins["stream"])


@clause("MSG-S04", "MSG-S05", "MSG-S08", "MSG-S09", "MSG-S10")
def test_several_blocks_follow_each_other(messages_tools: dict[str, Exchange]) -> None:
    for label in ("stream", "no_arguments"):
        judge(oracles.events_come_in_the_order_of_the_grammar, messages_tools[label])
        judge(oracles.every_block_has_one_start_and_one_stop, messages_tools[label])
        judge(oracles.block_indices_count_up_from_nought, messages_tools[label])
        judge(oracles.deltas_fit_their_block, messages_tools[label])
        judge(oracles.blocks_start_with_their_zero_value, messages_tools[label])
