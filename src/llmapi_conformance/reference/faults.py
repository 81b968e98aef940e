"""Faults of the reference gateway: each breaks the contract in one known way, so that a check can be seen to notice."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from llmapi_conformance.reference.fault import Fault
from llmapi_conformance.reference.faults_gemini import GEMINI_FAULTS
from llmapi_conformance.reference.faults_generated import GENERATED_FAULTS
from llmapi_conformance.reference.faults_images import IMAGE_FAULTS
from llmapi_conformance.reference.faults_properties import PROPERTY_FAULTS
from llmapi_conformance.reference.faults_responses import ALIAS_FAULTS, RESPONSES_FAULTS, SOCKET_FAULTS
from llmapi_conformance.reference.faults_tasks import TASK_FAULTS
from llmapi_conformance.reference.faults_usage import USAGE_FAULTS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("FAULTS", "Fault")

_ALL: Final = (
    # Of the catalogue of real defects.
    Fault(
        "M01",
        "the key check is skipped for odd spellings of a path",
        ("vllm#58144",),
        "a POST route reached as //v1/..., /V1/..., with a trailing slash or without /v1",
        clauses=("AUTH-B01", "ALI-P03", "ALI-P04", "ALI-P06"),
    ),
    Fault(
        "M02",
        "a key that shares its first 20 characters with one just used is accepted for 60 s",
        ("CVE-2026-35030", "GHSA-jjhc-v7c2-5hh6"),
        "a good call, then another key with the same beginning",
        clauses=("AUTH-R04",),
    ),
    Fault(
        "M03",
        "the message of a failure shows the upstream's URL with the provider key",
        ("sub2api#5650", "litellm#6963", "litellm#15799", "bifrost#3954"),
        "the upstream fails or can't be reached (502, 503, 504)",
        clauses=("ERR-L01", "ERR-L02", "ERR-L03"),
    ),
    Fault(
        "M08",
        "an unknown model is a 503",
        ("sub2api#1475",),
        "a model that the key's group does not list",
        clauses=("ERR-S09", "GEM-M03"),
    ),
    Fault(
        "M09",
        "an upstream's failure comes as 200 with an error body",
        ("new-api#7399", "Portkey#267"),
        "a request without stream whose upstream fails (429, 502, 503, 504, 529)",
        clauses=(
            "ERR-U01",
            "ERR-E09",
            "CHAT-E05",
            "CHAT-E06",
            "MSG-F05",
            "GEM-E01",
            "GEM-S10",
            "RSP-E01",
            "RSP-E07",
            "RSP-E11",
            "RSP-E12",
        ),
    ),
    Fault(
        "M10",
        "an invalid parameter is answered 200 with a stream that holds the error",
        ("llama.cpp#14566", "one-api#1455", "litellm#10593"),
        "a 400 for a request with stream:true",
        clauses=("ERR-T01", "RSP-E01", "RSP-P07"),
    ),
    Fault(
        "M11",
        "errors have OpenAI's envelope with type and param None",
        ("litellm#27823", "ray#65486", "new-api#3051"),
        "every error of /v1/messages",
        clauses=("ERR-E03", "ERR-U08", "AUTH-R02", "AUTH-R05", "ACC-E01", "ACC-E02", "MSG-F06"),
    ),
    Fault(
        "M13",
        "a limit of zero, below zero or of type string is accepted",
        ("vllm#4667", "hal-9100#86"),
        "max_tokens or max_completion_tokens <= 0 or a string",
        clauses=("ERR-S07", "ERR-S08", "ERR-S12", "ERR-S02", "ERR-S04"),
    ),
    Fault(
        "M14",
        "a natural end is invented for a stream that the upstream broke off",
        ("litellm#40260", "Portkey#1797"),
        "the upstream's stream ends cleanly after two deltas or more, without its terminal event",
        clauses=("CHAT-E02", "CHAT-E03", "CHAT-E04", "MSG-F01", "MSG-F02", "MSG-F03", "GEM-S13", "GEM-S16"),
    ),
    Fault("M15", "[DONE] is sent twice", ("one-api#1628", "ray#62246"), "a Chat stream", clauses=("CHAT-S04",)),
    Fault(
        "M16",
        'finish_reason is "" instead of null',
        ("ollama#4357", "sglang#3912", "opencrabs#1499"),
        "every chunk of a Chat stream but the last",
        clauses=("CHAT-S09",),
    ),
    Fault(
        "M17",
        "the whole stream is held back and leaves in one write",
        ("Kong#12680", "dstack#4269", "ccr#733"),
        "every stream",
        clauses=("CHAT-H01", "MSG-P01", "HTTP-P01", "HTTP-P02", "GEM-S12", "RSP-S20"),
    ),
    Fault(
        "M19",
        "characters that straddle a border of 1 KiB become U+FFFD",
        ("aisix#111", "claude-code-cache-fix#365"),
        "a stream of more than 1 KiB with characters beyond ASCII",
        clauses=("CHAT-X03", "MSG-C02", "MSG-C03", "GEM-X01", "RSP-S10", "RSP-S12", "RSP-S21"),
    ),
    Fault(
        "M20",
        "message_stop is missing and the connection stays open for 60 s",
        ("new-api#1428", "litellm#32159"),
        "a Messages stream",
        clauses=("MSG-S07", "MSG-S04"),
    ),
    Fault(
        "M23",
        "stop_reason is end_turn though the answer calls a tool",
        ("bifrost#6123", "bifrost#3638", "litellm#34692"),
        "a Messages stream with text and then a tool call",
        clauses=("MSG-C07", "MSG-C03", "MSG-N12"),
    ),
    Fault(
        "M24",
        "all tool call fragments carry index 0",
        ("litellm#21331", "litellm#33678", "ollama#15457"),
        "a Chat stream with two tool calls or more",
        clauses=("CHAT-T08", "CHAT-T03", "CHAT-T06", "CHAT-M02"),
    ),
    Fault(
        "M25",
        "message_start counts no input tokens",
        ("CLIProxyAPI#1700", "sglang#20678", "litellm#41406"),
        "a Messages stream",
        clauses=("MSG-U04", "MSG-U05", "MSG-U06"),
    ),
    Fault(
        "M26", "the usage chunk is missing", ("sglang#954",), "a Chat stream with include_usage", clauses=("CHAT-U04",)
    ),
    Fault(
        "M27",
        "the token count ignores tools and system",
        ("litellm#29269", "litellm#37102"),
        "count_tokens with tools or system",
        clauses=("MSG-T05", "MSG-T06", "MSG-T07"),
    ),
    Fault(
        "M28",
        "input tokens are the sum of message_start's and message_delta's",
        ("envoy#2239", "one-api#415"),
        "a Messages stream",
        clauses=("MSG-U03", "MSG-U01", "MSG-U02", "MSG-U06"),
    ),
    Fault(
        "M29",
        "text behind a tool result is dropped",
        ("claudex#8", "xuan#191"),
        "a user turn of /v1/messages with a tool_result and then text",
        clauses=("MSG-C13",),
    ),
    Fault(
        "M31",
        "stop_sequences are not passed on",
        ("litellm#37118",),
        "a Messages request with stop_sequences",
        clauses=("MSG-C09", "MSG-C10"),
    ),
    Fault(
        "M32",
        "the list names every model, whatever the key's group",
        ("litellm#42159", "new-api#466", "sub2api#5934"),
        "GET /v1/models",
        clauses=("MOD-D02",),
    ),
    Fault(
        "M37",
        'a 429 has no Retry-After, and its type is "None"',
        ("litellm#27823", "sub2api#6766"),
        "every 429",
        clauses=("ACC-D08", "CHAT-E08", "CHAT-E09", "MSG-F07", "MSG-F06", "ERR-U07", "ERR-E05", "GEM-E02"),
    ),
    Fault(
        "M40",
        "Content-Encoding says gzip over a body that isn't",
        ("litellm#25624", "freelens#272"),
        "a JSON answer above 1 KiB to a client that accepts gzip",
        clauses=("HTTP-E02",),
    ),
    # Authentication.
    Fault(
        "A01",
        "the scheme Bearer is matched case-sensitively",
        ("hebo-platform#221", "jetkvm/cloud-api#85"),
        "Authorization with another spelling than `Bearer`",
        clauses=("AUTH-H06",),
    ),
    Fault(
        "A02", "x-goog-api-key is not accepted", ("llm-gateway#5",), "a key in x-goog-api-key", clauses=("AUTH-H02",)
    ),
    Fault("A03", "a key in the query is accepted", (), "?key= and no credential in the headers", clauses=("AUTH-Q01",)),
    Fault(
        "A04", "one valid credential among several is enough", (), "credentials that disagree", clauses=("AUTH-C02",)
    ),
    Fault(
        "A05",
        "the 401 shows the presented key",
        ("litellm#18731",),
        "every 401 for a presented key",
        clauses=("AUTH-R06", "AUTH-R02"),
    ),
    Fault(
        "A06",
        "a disabled key still works",
        ("litellm#9820", "litellm#38308"),
        "a disabled key",
        clauses=("ACC-D03", "ACC-D04", "WS-A01"),
    ),
    Fault(
        "A07",
        "an expired key still works",
        ("litellm#9820",),
        "an expired key",
        clauses=("ACC-D03", "ACC-D04", "WS-A01"),
    ),
    # Groups and books.
    Fault(
        "G01",
        "tokens are counted for OpenAI groups too",
        (),
        "count_tokens with a key of an OpenAI group",
        clauses=("ACC-D01", "MSG-T03"),
    ),
    Fault(
        "G02",
        "a token count is entered in the ledger",
        (),
        "count_tokens that is answered 200",
        clauses=("MSG-T02", "USE-L04"),
    ),
    Fault(
        "G03",
        "an image key may call /v1/messages",
        ("atlas-ui-3#738",),
        "an image key on /v1/messages",
        clauses=("ACC-D02",),
    ),
    Fault(
        "G04",
        "a refused request is charged",
        ("new-api#95", "new-api#5289"),
        "a 4xx for a request with a valid key",
        clauses=("ACC-L02", "USE-L03"),
    ),
    # Errors.
    Fault(
        "E01",
        "the wrong method is answered with an HTML 404 page",
        ("llm-gateway#2126",),
        "a 405",
        clauses=("ERR-P03",),
    ),
    Fault(
        "E02",
        "two JSON documents in the body of an error",
        ("sub2api#3181",),
        "a 400 or 502 without stream",
        clauses=("ERR-E01",),
    ),
    Fault("E03", "an unknown path is answered 200 with an HTML page", (), "an unknown path", clauses=("ERR-P01",)),
    Fault(
        "E04",
        "a JSON array as body is a 500 in plain text",
        ("hermes-agent#33077",),
        "a body that is an array",
        clauses=("ERR-S03",),
    ),
    Fault("E05", "errors are sent as text/html", ("CLIProxyAPI#551",), "every 400", clauses=("ERR-E02",)),
    # Chat.
    Fault("C01", "the role is repeated in each delta", (), "a Chat stream", clauses=("CHAT-S03",)),
    Fault(
        "C02",
        "each chunk has an id of its own",
        ("litellm#1571", "llama.cpp#5876"),
        "a Chat stream",
        clauses=("CHAT-S06",),
    ),
    Fault(
        "C03",
        "total_tokens is not the sum",
        ("browser-use#4294", "litellm#13207"),
        "usage of a Chat answer",
        clauses=("CHAT-U02",),
    ),
    # Messages streams.
    Fault(
        "S01",
        "the name of one event is not its type",
        (),
        "the first content_block_delta of a Messages stream",
        clauses=("MSG-S02",),
    ),
    Fault("S02", "[DONE] is sent at the end", (), "a Messages stream", clauses=("MSG-S03",)),
    Fault("S03", "content blocks are counted from 1", ("envoy#1465",), "a Messages stream", clauses=("MSG-S08",)),
    Fault(
        "S04",
        "a content block begins before the last one has ended",
        ("bifrost#3441", "bifrost#4890"),
        "a Messages stream with two content blocks or more",
        clauses=("MSG-S04",),
    ),
    # Towards the upstream, and back.
    Fault(
        "K01",
        "the client's key is forwarded to the upstream",
        ("apisix#13422",),
        "every request to the upstream",
        clauses=("CHAT-F01", "MSG-G01", "GEM-G01", "RSP-F01"),
    ),
    Fault(
        "K02",
        "the upstream's headers are passed through",
        ("bifrost#3954", "mobula#32"),
        "every upstream answer",
        clauses=(
            "HTTP-L01",
            "HTTP-L02",
            "HTTP-L03",
            "CHAT-F02",
            "CHAT-F08",
            "MSG-G02",
            "MSG-G15",
            "GEM-G02",
            "RSP-F02",
        ),
    ),
    Fault("L01", "the list names each model twice", (), "GET /v1/models", clauses=("MOD-S03",)),
    Fault(
        "D01",
        "the upstream goes on when the client has gone",
        ("litellm#17364", "llama.cpp#24496"),
        "a client that disconnects early",
        clauses=("CHAT-H02", "MSG-P02", "GEM-S14", "RSP-E06"),
    ),
)
_EVERY: Final = (
    *_ALL,
    *RESPONSES_FAULTS,
    *SOCKET_FAULTS,
    *ALIAS_FAULTS,
    *GEMINI_FAULTS,
    *IMAGE_FAULTS,
    *USAGE_FAULTS,
    *TASK_FAULTS,
    *PROPERTY_FAULTS,
    *GENERATED_FAULTS,
)
FAULTS: Final[Mapping[str, Fault]] = MappingProxyType({fault.name: fault for fault in _EVERY})
