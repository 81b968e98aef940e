"""HTTP around streamed answers: the head, the framing of the events, and when they arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import http, sse

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("HTTP-S01", "HTTP-S02", "HTTP-S03", "HTTP-S04", "HTTP-S05")
def test_the_head_of_a_stream_is_that_of_an_event_stream(paced_stream: dict[str, Any]) -> None:
    answer: Exchange = paced_stream["answers"][0]
    judge(http.a_stream_is_text_event_stream, answer)
    judge(http.the_charset_of_a_stream_is_utf8, answer)
    judge(http.a_stream_has_no_content_length, answer)
    judge(http.a_stream_is_not_cached, answer)
    judge(http.a_stream_tells_proxies_not_to_buffer, answer)


@clause("HTTP-B01", "HTTP-F01", "HTTP-F02", "HTTP-F03", "HTTP-F04", "HTTP-F05", "HTTP-F06", "HTTP-F07", "HTTP-F08")
def test_the_framing_of_a_stream_is_sound(paced_stream: dict[str, Any]) -> None:
    answer: Exchange = paced_stream["answers"][0]
    judge(http.a_body_arrives_whole, answer)
    judge(sse.a_stream_is_utf8, answer)
    judge(sse.a_stream_starts_without_a_byte_order_mark, answer)
    judge(sse.a_blank_line_follows_the_last_event, answer)
    judge(sse.every_data_payload_is_json_or_done, answer)
    judge(sse.no_named_event_goes_without_data, answer)
    judge(sse.a_stream_has_no_id_or_retry_fields, answer)
    judge(sse.a_stream_has_no_unknown_fields, answer)
    judge(sse.a_stream_brings_an_event, answer)


@clause("HTTP-P01", "HTTP-P02")
def test_a_stream_arrives_as_it_is_made(paced_stream: dict[str, Any]) -> None:
    judge(sse.a_paced_stream_arrives_as_it_is_made, paced_stream["answers"], paced_stream["seconds"])
    judge(sse.a_stream_arrives_in_pieces, paced_stream["answers"])


@clause("HTTP-E02", "HTTP-F04", "HTTP-S01")
def test_a_stream_for_a_client_that_accepts_gzip_is_readable(compressed_answers: dict[str, Exchange]) -> None:
    judge(http.a_declared_coding_decodes, compressed_answers["stream"])
    judge(http.a_stream_is_text_event_stream, compressed_answers["stream"])
    judge(sse.every_data_payload_is_json_or_done, compressed_answers["stream"])
