"""Faults of what should make no difference: another spelling, another form, another cut, a second model."""

from __future__ import annotations

from typing import Final

from llmapi_conformance.reference.fault import Fault

PROPERTY_FAULTS: Final = (
    Fault(
        "M04",
        "a model in the query is served, while the one in the body is checked",
        ("litellm#41810",),
        "POST /v1/chat/completions or /v1/messages with ?model= of another group, and a model of its own in the body",
        ("ACC-D12",),
    ),
    Fault(
        "P01",
        "escaped quotes and backslashes are unescaped before the JSON is read",
        (),
        "a request of a text protocol with \\u0022 or \\u005c in its body",
        ("HTTP-R06",),
    ),
    Fault(
        "P02",
        "members that stand before model are lost",
        (),
        "a request of Messages, Chat or Responses whose first member is not model",
        ("HTTP-R04",),
    ),
    Fault(
        "P03",
        "no model is found when white space stands before its colon",
        (),
        "a request of Messages, Chat or Responses written so",
        ("HTTP-R05",),
    ),
    Fault(
        "P04",
        "a system prompt of blocks is lost",
        (),
        "a message with system blocks that is converted to Chat",
        ("MSG-C17",),
    ),
    Fault(
        "P05",
        "a character that comes in three pieces or more is broken",
        (),
        "a stream of the upstream that is cut so",
        ("MSG-C18", "MSG-C02", "CHAT-M04", "CHAT-X03", "RSP-S28", "RSP-S21", "GEM-X03", "GEM-X01"),
    ),
    Fault(
        "P06",
        "the texts of a turn of the assistant are passed on in reverse",
        (),
        "a message or completion with two texts or more in such a turn",
        ("MSG-G06", "CHAT-F03"),
    ),
    Fault(
        "P07",
        "max_tokens null counts as 0",
        (),
        "such a Chat request",
        ("CHAT-A03",),
    ),
    Fault(
        "P08",
        "the turns of the assistant are not counted",
        (),
        "a count of Messages or Gemini with such a turn",
        ("MSG-T04", "GEM-T03"),
    ),
    Fault(
        "P09",
        "angle brackets and ampersands in tool arguments are escaped",
        (),
        "a whole answer of Chat or Responses with such arguments",
        ("CHAT-T09", "RSP-P13"),
    ),
    Fault(
        "P10",
        "NUL is cut out of texts",
        (),
        "a request of Messages, Chat, Responses or Gemini with one",
        ("MSG-C01", "MSG-C02", "CHAT-X01", "CHAT-X02", "RSP-S27", "GEM-X01"),
    ),
    Fault(
        "P11",
        "a key's own model in the body opens Gemini's paths",
        (),
        "a key of an OpenAI or Anthropic group on a Gemini path, with such a body",
        ("ACC-D13",),
    ),
    Fault(
        "P12",
        "function declarations are not found under their name in snake_case",
        (),
        "such a request on a Gemini path",
        ("GEM-P04",),
    ),
)
