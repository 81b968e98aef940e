"""Faults of images within the request."""

from __future__ import annotations

from typing import Final

from llmapi_conformance.reference.fault import Fault

_REFUSED: Final = "a refused request of an image route"
_STREAM: Final = "a stream of images"

IMAGE_FAULTS: Final = (
    Fault(
        "M33",
        "the picture is always 1024 by 1024",
        ("sub2api#7119", "sub2api#6120", "sub2api#3302"),
        "another size",
        ("IMG-N04", "IMG-P09"),
    ),
    Fault(
        "I01",
        "keys of other platforms are served",
        (),
        "a plain general key of an Anthropic, Gemini or Antigravity group",
        ("IMG-A03", "IMG-A04", "IMG-A05", "IMG-E11"),
    ),
    Fault("I02", "images are served though the group has them switched off", (), "such a key", ("IMG-A02", "IMG-E11")),
    Fault("I03", "n is ignored: one picture comes", ("sub2api#1994",), "n above 1", ("IMG-N02",)),
    Fault("I04", "b64_json is a data URL", (), "an answer without stream", ("IMG-N03",)),
    Fault("I05", "a refused request is charged", ("new-api#95", "new-api#5289"), _REFUSED, ("IMG-A07",)),
    Fault(
        "I06",
        "response_format is ignored: pictures come as links",
        (),
        "response_format b64_json, without stream",
        ("IMG-N07",),
    ),
    Fault(
        "I07",
        "files named image[] are not found",
        ("litellm#41421", "litellm#41602", "litellm#41625"),
        "a form whose files are image[]",
        ("IMG-E04",),
    ),
    Fault(
        "I08",
        "files are sent on as text",
        ("litellm#41421", "litellm#26552"),
        "a form with a file",
        ("IMG-E14", "IMG-E01", "IMG-A01"),
    ),
    Fault("I09", "the documented words have more behind them", ("sub2api",), "a model that makes none", ("IMG-P04",)),
    Fault("I10", "errors have Anthropic's envelope", ("sub2api",), f"{_REFUSED}, a 401 aside", ("IMG-A08", "IMG-A03")),
    Fault("I11", "file_id is accepted", (), "an edit by JSON with a file_id", ("IMG-E07", "IMG-E08")),
    Fault("I12", "every partial picture is number 0", (), f"{_STREAM} with two partial ones or more", ("IMG-S03",)),
    Fault("I13", "events have the names of the other route", (), "a streamed edit", ("IMG-S02",)),
    Fault("I14", "[DONE] is sent at the end", (), _STREAM, ("IMG-S09",)),
    Fault(
        "I15",
        "format, quality and background are dropped",
        ("sub2api#6120", "sub2api#3302"),
        "a JSON request with one of them",
        ("IMG-N03", "IMG-P09"),
    ),
    Fault("I16", "total_tokens is not the sum", ("litellm#13207",), "usage of an answer without stream", ("IMG-N05",)),
    Fault(
        "I17",
        "a prompt is invented",
        ("sub2api",),
        "JSON without prompt, or an empty one",
        ("IMG-P01", "IMG-E09", "IMG-P02"),
    ),
    Fault("I18", "n below 1 counts as 1", (), "such an n, by JSON", ("IMG-P06",)),
    Fault("I20", "a member of the wrong type is mended", (), "prompt, n, size or stream, by JSON", ("IMG-P07",)),
    Fault(
        "I21",
        "a request without model is refused",
        (),
        "JSON without model",
        ("IMG-P03", "IMG-E13", "IMG-E01", "IMG-E02"),
    ),
    Fault("I22", "two pictures come where none are counted", (), "JSON without n", ("IMG-P08",)),
    Fault("I23", "created counts milliseconds", (), "an answer without stream", ("IMG-N01",)),
    Fault("I24", "stream is ignored", (), "JSON with stream", ("IMG-S01",)),
    Fault("I25", "each event has a created_at of its own", (), f"{_STREAM} with partial ones", ("IMG-S04",)),
    Fault("I26", "the mask is dropped", ("sub2api#2251",), "an edit with a mask", ("IMG-E05", "IMG-E14")),
    Fault(
        "I27", "only the first of several files arrives", (), "a form with repeated image parts", ("IMG-E03", "IMG-E14")
    ),
    Fault(
        "I19",
        "the wrong platform is told with 403 in other words",
        (),
        "a general key of another platform",
        ("IMG-A03", "IMG-A04", "IMG-A05"),
    ),
)
