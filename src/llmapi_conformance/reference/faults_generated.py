"""Faults that nobody's hand-written request brings out, and a generated one does."""

from __future__ import annotations

from typing import Final

from llmapi_conformance.reference.fault import Fault

_POST: Final = "a POST"
_COUNT: Final = "a count of tokens on a Gemini path"
_LIST: Final = "a list of models on a Gemini path"

GENERATED_FAULTS: Final = (
    # Bodies.
    Fault(
        "N01",
        "a member that comes twice breaks the parser",
        (),
        f"{_POST} with such a body, Messages and Chat aside",
        ("ERR-G01",),
    ),
    Fault(
        "N02",
        "an integer beyond 2^53 breaks the parser",
        (),
        f"{_POST} with one of 17 to 300 digits anywhere in its JSON",
        ("ERR-G01",),
    ),
    Fault(
        "N03",
        "deep nesting exhausts the stack",
        (),
        "100 levels or more, on a path of Gemini, Antigravity, Responses or images",
        ("ERR-G01", "ERR-G05"),
    ),
    Fault(
        "N04",
        "a proxy answers a body that is not UTF-8 with its page",
        (),
        "such a JSON body on a Gemini path or an image route",
        ("ERR-G02", "ERR-G08"),
    ),
    Fault(
        "N05",
        "a first byte above ASCII is taken for another encoding, which nobody catches",
        (),
        f"{_POST} that begins with a byte order mark, with gzip or the like",
        ("ERR-G01", "ERR-G05"),
    ),
    Fault("N06", "null for a member is dereferenced", (), "Messages or a count with one", ("ERR-G01", "ERR-G05")),
    Fault(
        "N07",
        "a model that is no text is sent on, and the upstream is blamed",
        (),
        f"{_POST} whose model is an array or an object",
        ("ERR-G01", "ERR-G05", "ERR-G06"),
    ),
    Fault(
        "N08",
        "a content that is no object ends in a trace, shown in a header",
        (),
        "a Gemini path, with contents or parts of another kind",
        ("ERR-G01", "ERR-G09", "ERR-L03"),
    ),
    Fault(
        "N09",
        "names that JavaScript knows break the validator",
        (),
        f"{_POST} with a member __proto__, constructor or $ref",
        ("ERR-G01",),
    ),
    Fault(
        "N10",
        "settings of the wrong kind are sent on, and the upstream is blamed",
        (),
        "a Gemini path, with an array, an object or a boolean for a number or text of generationConfig",
        ("ERR-G01", "ERR-G05", "ERR-G06"),
    ),
    Fault(
        "N11",
        "a body that is no object counts as an empty one",
        (),
        f"{_COUNT} with a JSON text, number or null as its body",
        ("ERR-G05", "ERR-G06"),
    ),
    Fault(
        "N12",
        "tools that are no array are sent on, and the upstream is blamed",
        (),
        f"{_POST} with such tools",
        ("ERR-G01", "ERR-G05", "ERR-G06"),
    ),
    Fault(
        "N13",
        "quality, format and the like are used as texts without a look",
        (),
        "an image route, with one of another type",
        ("ERR-G01", "ERR-G05", "ERR-G06"),
    ),
    Fault(
        "N14",
        "an array in the place of a number is compared with one",
        (),
        f"{_POST} with an array or an object for max_tokens, n, temperature or the like",
        ("ERR-G01", "ERR-G05", "ERR-G06"),
    ),
    Fault(
        "N15",
        "the first element of an empty array is read",
        (),
        f"{_POST} with an empty array for a member",
        ("ERR-G01",),
    ),
    Fault("N16", "a whole number written as 2.0 is no integer", (), f"{_POST} with one in its JSON", ("ERR-G01",)),
    Fault("N17", "a form that breaks off is read beyond its end", (), "an image route, by form", ("ERR-G01",)),
    Fault(
        "N18",
        "a system prompt of the wrong type is ignored",
        (),
        "Messages or a count, with neither a text nor an array",
        ("ERR-G05", "ERR-G06"),
    ),
    Fault(
        "N19",
        "a number for stream counts as a boolean",
        (),
        "a text or image route, with a number",
        ("ERR-G05", "ERR-G06"),
    ),
    # Labels.
    Fault("N20", "media types are compared by case", (), f"{_POST} of APPLICATION/JSON", ("HTTP-G01",)),
    Fault(
        "N21",
        "a parameter of the media type needs a blank before it",
        (),
        f"{_POST} of application/json;charset=UTF-8",
        ("HTTP-G01",),
    ),
    Fault("N22", "a content coding is unpacked without a look", (), f"{_POST} with a label of one", ("ERR-G01",)),
    Fault(
        "N23",
        "with a member that nobody knows, numbers of the answer are texts",
        (),
        "Antigravity's Messages or a generation of images, with such a member",
        ("HTTP-G06",),
    ),
    # Queries, paths, methods.
    Fault("N30", "a fraction of days breaks the sum", (), "GET /v1/usage with days such as 7.5", ("ERR-G01",)),
    Fault(
        "N31",
        "null in a query is read as JSON",
        (),
        "GET /v1/usage with null for a parameter",
        ("ERR-G01", "ERR-G05", "ERR-G06"),
    ),
    Fault("N32", "a parameter that comes twice is an array, unexpectedly", (), "such a query", ("ERR-G01", "ERR-G05")),
    Fault("N33", "a proxy answers a long path with its page", (), "a path of more than 1000 characters", ("ERR-G02",)),
    Fault("N34", "the method QUERY is served like GET", (), "such a request", ("ERR-M01",)),
    Fault("N35", "the refusal of TRACE repeats the request's head", (), "such a request", ("ERR-L01",)),
    Fault("N36", "a task id that is not ASCII breaks the look-up", (), "a path with one", ("ERR-G01", "ERR-G09")),
    Fault(
        "N37",
        "a control character in a model's name breaks the header that names it",
        (),
        "a Gemini path with one",
        ("ERR-G02",),
    ),
    Fault(
        "N38", "the rest of a path is decoded twice", (), "a POST below /responses/ with a percent sign", ("ERR-G01",)
    ),
    Fault("N39", "pageSize is read as a number unchecked", (), f"{_LIST}, with another text", ("ERR-G01",)),
    Fault("N40", "limit is read as a number unchecked", (), "GET /v1/models with another text", ("ERR-G01",)),
    Fault("N41", "a page token of nobody's is answered with 418", (), f"{_LIST}, with one", ("HTTP-G04",)),
    Fault("N42", "a form is read where there is none", (), "a GET that is labelled multipart", ("ERR-G01",)),
    Fault(
        "N43",
        "the refusal of a media type stalls behind its head",
        (),
        f"{_POST} of a type that is neither JSON nor a form nor plain text",
        ("ERR-G03",),
    ),
)
