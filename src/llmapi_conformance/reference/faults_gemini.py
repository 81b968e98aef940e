"""Faults of Gemini native, of the Antigravity prefix and of what is converted to Gemini."""

from __future__ import annotations

from typing import Final

from llmapi_conformance.reference.fault import Fault

_STREAM: Final = "a Gemini stream with alt=sse"
_ANSWER: Final = "an answer of generateContent, or a stream with alt=sse"
_ERROR: Final = "an error of a Gemini path"

GEMINI_FAULTS: Final = (
    Fault(
        "M05",
        "the group and its models do not restrict a model that is named in the path",
        ("litellm#41295", "ai-gateway-api#200"),
        "a POST below /v1beta/models with a general key of another group, or with a model of another group",
        ("GEM-A01", "AGY-A03", "AGY-A04", "ACC-D01"),
    ),
    Fault("Y01", "the error has no code", ("gemini-balance#347",), _ERROR, ("GEM-A04", "GEM-A06")),
    Fault("Y02", "the error has OpenAI's envelope", ("mlflow#25898",), _ERROR, ("GEM-A04", "AGY-P03", "GEM-A06")),
    Fault("Y03", "error.code is always 500", (), _ERROR, ("GEM-A05",)),
    Fault("Y04", "the error in mid-stream has no code", (), f"{_STREAM} that fails on the way", ("GEM-S11",)),
    Fault("Y05", "[DONE] is sent at the end", (), _STREAM, ("GEM-S03",)),
    Fault("Y06", "comments come between the pieces", (), _STREAM, ("GEM-S03",)),
    Fault("Y07", "events have a name", (), _STREAM, ("GEM-S03",)),
    Fault("Y08", "no candidate has a finish reason", (), _ANSWER, ("GEM-N02", "GEM-S05")),
    Fault("Y09", "the arguments of a call are text", (), f"{_ANSWER}, with a call", ("GEM-N06", "GEM-X02")),
    Fault(
        "Y10",
        "the total leaves the thoughts out",
        ("browser-use#4294", "litellm#13207"),
        f"{_ANSWER}, with thoughts",
        ("GEM-N03",),
    ),
    Fault(
        "Y11",
        "the output tokens leave the thoughts out",
        (),
        "an answer with thoughts on Messages or Chat, converted from Gemini",
        ("GEM-V03",),
    ),
    Fault("Y12", "only the last piece has usage", ("hydra#855",), _STREAM, ("GEM-S07",)),
    Fault(
        "Y13",
        "x-goog-api-key is not accepted",
        ("gcli2api#19",),
        "that header on a Gemini path",
        ("GEM-A02",),
    ),
    Fault(
        "Y14",
        "a key of an Antigravity group is served on the paths without the prefix",
        (),
        "such a key below /v1beta",
        ("AGY-A04",),
    ),
    Fault("Y15", "a key of a Gemini group is served", (), "such a key below /antigravity", ("AGY-A03", "ACC-D09")),
    Fault("Y16", "members are named in snake_case", (), _ANSWER, ("GEM-N08",)),
    Fault(
        "Y17",
        "the stream is SSE whatever alt says",
        ("hydra#855", "sub2api"),
        "streamGenerateContent without alt=sse",
        ("GEM-S02",),
    ),
    Fault("Y18", "each piece has a response id of its own", ("litellm#1571",), _STREAM, ("GEM-S06",)),
    Fault(
        "Y19", "thought signatures are dropped", (), "a Gemini request with a thought signature", ("GEM-P07", "GEM-G03")
    ),
    Fault("Y20", "names lack the beginning models/", (), "GET /v1beta/models", ("GEM-M01", "GEM-M02")),
    Fault("Y21", "the role is assistant", (), _ANSWER, ("GEM-N05",)),
    Fault("Y22", "the error has Google's envelope", (), "an error of /antigravity/v1/messages", ("AGY-P03",)),
    Fault("Y23", "totalTokens is text", (), "countTokens", ("GEM-T01",)),
    Fault("Y24", "any model is described", ("sub2api",), "GET of a model that the group does not list", ("GEM-M03",)),
    Fault("Y25", "each piece has a finish reason", ("litellm#31634",), _STREAM, ("GEM-S05",)),
    Fault("Y26", "only the first call of a piece arrives", (), f"{_ANSWER}, with two calls in one", ("GEM-X02",)),
    Fault(
        "Y27",
        "finish_reason is stop though the answer calls a tool",
        ("bifrost#6123",),
        "Chat converted from Gemini, with calls",
        ("GEM-V04",),
    ),
    Fault(
        "Y28",
        "generationConfig and systemInstruction are dropped",
        ("litellm#37118",),
        "a Gemini request with one of them",
        ("GEM-P06", "GEM-G03", "GEM-P04"),
    ),
    Fault("Y29", "candidateCount is dropped", (), "a Gemini request for two candidates or more", ("GEM-N01",)),
    Fault("Y30", "members in snake_case are dropped", (), "a Gemini request with such a member", ("GEM-P04",)),
    Fault(
        "Y31",
        "an upstream that fails before the first piece is told in a stream with 200",
        ("gemini-balance#347",),
        "streamGenerateContent, and 429 or 5xx of the upstream",
        ("GEM-S10", "GEM-E01"),
    ),
    Fault("Y32", "every request counts seven tokens", ("litellm#37102",), "countTokens", ("GEM-T02",)),
    Fault("Y33", "the first piece is lost", (), _STREAM, ("GEM-S08",)),
    Fault(
        "Y34",
        "the prompt leaves out what was cached",
        ("litellm#35127",),
        f"{_ANSWER}, with cached input",
        ("GEM-N09", "GEM-S08"),
    ),
)
