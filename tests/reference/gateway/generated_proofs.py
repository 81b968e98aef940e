"""What of each fault that only odd requests bring out is seen on the wire; test_faults runs them."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx2

GPT, CLAUDE, GEMINI, AGY, BATCH = (
    "general:openai",
    "general:anthropic",
    "general:gemini",
    "general:antigravity",
    "image:batch",
)
MESSAGES, COUNT, CHAT, RESPONSES = "/v1/messages", "/v1/messages/count_tokens", "/v1/chat/completions", "/v1/responses"
GENERATIONS, EDITS, TASKS = "/v1/images/generations", "/v1/images/edits", "/v1/images/tasks"
MODELS, GEMINIS, USAGE = "/v1/models", "/v1beta/models", "/v1/usage"
CONTENT, TOKENS = f"{GEMINIS}/gemini-2.5-flash:generateContent", f"{GEMINIS}/gemini-2.5-flash:countTokens"
TURN = {"role": "user", "content": "hi"}
CONTENTS = [{"role": "user", "parts": [{"text": "hi"}]}]
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    MESSAGES: (CLAUDE, {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [TURN]}),
    COUNT: (CLAUDE, {"model": "claude-sonnet-4-5", "messages": [TURN]}),
    CHAT: (GPT, {"model": "gpt-5.1", "messages": [TURN]}),
    RESPONSES: (GPT, {"model": "gpt-5.1", "input": "hi"}),
    CONTENT: (GEMINI, {"contents": CONTENTS}),
    TOKENS: (GEMINI, {"contents": CONTENTS}),
    GENERATIONS: (GPT, {"prompt": "a cup", "size": "64x64"}),
}


def ask(site: Any, path: str, **members: Any) -> httpx2.Response:
    """The correct request of a path with some members more, or others."""
    role, body = BODIES[path]
    answer: httpx2.Response = site.post(path, role, body | members)
    return answer


def write(site: Any, path: str, body: bytes, **headers: str) -> httpx2.Response:
    """Bytes in the place of the correct body."""
    named = {"content-type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}
    answer: httpx2.Response = site.client.post(path, headers=site.headers(BODIES[path][0]) | named, content=body)
    return answer


def correct(path: str) -> bytes:
    return json.dumps(BODIES[path][1]).encode()


def with_text(path: str, text: str) -> bytes:
    """The correct body with one member more, as it is written."""
    return correct(path)[:-1] + f",{text}}}".encode()


def send(site: Any, method: str, path: str, role: str = GPT, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    answer: httpx2.Response = site.client.request(method, path, headers=site.headers(role) | named)
    return answer


def kind(answer: httpx2.Response) -> str:
    return answer.headers["content-type"].partition(";")[0]


def codes(*answers: httpx2.Response) -> list[int]:
    return [answer.status_code for answer in answers]


def open_form(site: Any, end: str) -> int:
    boundary = "b0"
    text = f'--{boundary}\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na cup{end}'
    headers = site.headers(GPT) | {"content-type": f"multipart/form-data; boundary={boundary}"}
    return int(site.client.post(EDITS, headers=headers, content=text.encode()).status_code)


def kinds_of_numbers(site: Any, **members: Any) -> list[str]:
    body = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [TURN]} | members
    message = site.post("/antigravity/v1/messages", AGY, body).json()
    return [
        type(ask(site, GENERATIONS, **members).json()["created"]).__name__,
        type(message["usage"]["output_tokens"]).__name__,
    ]


def stalls(site: Any) -> bool:
    """Whether the body of a refusal stays away."""
    headers = site.headers(GPT) | {"content-type": "application/xml"}
    try:
        site.client.post(CHAT, headers=headers, content=b"<a/>", timeout=0.5)
    except httpx2.ReadTimeout:
        return True
    return False


# fault -> what is observed, what the conforming gateway shows, what the faulty one shows
GENERATED_PROOFS: dict[str, tuple[Any, Any, Any]] = {
    "N01": (
        lambda site: codes(*(write(site, path, with_text(path, '"x":1,"x":1')) for path in (RESPONSES, CHAT))),
        [200, 200],
        [500, 200],
    ),
    "N02": (
        lambda site: codes(ask(site, CHAT, x=2**53 + 1), ask(site, CHAT, x=2**53), ask(site, GENERATIONS, x=[2**64])),
        [200, 200, 200],
        [500, 200, 500],
    ),
    "N03": (
        lambda site: codes(
            *(write(site, RESPONSES, with_text(RESPONSES, f'"x":{"[" * depth}{"]" * depth}')) for depth in (90, 100))
        ),
        [200, 200],
        [200, 500],
    ),
    "N04": (
        lambda site: [kind(write(site, path, b'{"prompt":"\xff"}')) for path in (CONTENT, GENERATIONS, CHAT)],
        ["application/json"] * 3,
        ["text/html", "text/html", "application/json"],
    ),
    "N05": (
        lambda site: codes(*(write(site, CHAT, start + correct(CHAT)) for start in (b"\xef\xbb\xbf", b"x"))),
        [400, 400],
        [500, 400],
    ),
    "N06": (
        lambda site: codes(*(ask(site, path, stream=None) for path in (MESSAGES, CHAT))),
        [200, 200],
        [500, 200],
    ),
    "N07": (lambda site: codes(ask(site, CHAT, model=["gpt-5.1"]), ask(site, CHAT, model=5)), [400] * 2, [502, 400]),
    "N08": (
        lambda site: [
            (answer.status_code, "Traceback" in answer.headers.get("x-error", ""))
            for answer in (ask(site, CONTENT, contents=[7]), ask(site, CONTENT, contents=[{"parts": [None]}]))
        ],
        [(400, False)] * 2,
        [(500, True)] * 2,
    ),
    "N09": (
        lambda site: codes(ask(site, CHAT, a={"__proto__": 1}), ask(site, CHAT, a={"b": 1})),
        [200] * 2,
        [500, 200],
    ),
    "N10": (
        lambda site: codes(
            ask(site, CONTENT, generationConfig={"temperature": True}),
            ask(site, CONTENT, generationConfig={"stopSequences": ["x"]}),
        ),
        [400, 200],
        [502, 200],
    ),
    "N11": (lambda site: codes(write(site, TOKENS, b"17"), write(site, TOKENS, b"[]")), [400, 400], [200, 400]),
    "N12": (lambda site: codes(ask(site, RESPONSES, tools={}), ask(site, RESPONSES, tools=[])), [400, 200], [502, 200]),
    "N13": (
        lambda site: codes(ask(site, GENERATIONS, quality=[]), ask(site, GENERATIONS, size=[])),
        [400] * 2,
        [500, 400],
    ),
    "N14": (lambda site: codes(ask(site, CHAT, n={}), ask(site, CHAT, n="2")), [400, 400], [500, 400]),
    "N15": (lambda site: codes(ask(site, CHAT, messages=[]), ask(site, CHAT, messages="")), [400, 400], [500, 400]),
    "N16": (
        lambda site: codes(*(write(site, CHAT, with_text(CHAT, f'"temperature":{text}')) for text in ("1.0", "1"))),
        [200, 200],
        [500, 200],
    ),
    "N17": (lambda site: [open_form(site, end) for end in ("", "\r\n--b0--\r\n")], [400, 400], [500, 400]),
    "N18": (lambda site: codes(ask(site, MESSAGES, system=17), ask(site, COUNT, system={})), [400] * 2, [200] * 2),
    "N19": (lambda site: codes(ask(site, CHAT, stream=1), ask(site, GENERATIONS, stream=0)), [400] * 2, [200] * 2),
    "N20": (
        lambda site: codes(
            *(
                write(site, CHAT, correct(CHAT), content_type=label)
                for label in ("APPLICATION/JSON", "application/json", "application/json;charset=UTF-8")
            )
        ),
        [200] * 3,
        [415, 200, 200],
    ),
    "N21": (
        lambda site: codes(
            *(
                write(site, CHAT, correct(CHAT), content_type=label)
                for label in ("application/json;charset=UTF-8", "application/json; charset=UTF-8")
            )
        ),
        [200] * 2,
        [415, 200],
    ),
    "N22": (
        lambda site: codes(
            write(site, CHAT, gzip.compress(correct(CHAT)), content_encoding="gzip"),
            write(site, CHAT, correct(CHAT), content_encoding="identity"),
        ),
        [415, 200],
        [500, 200],
    ),
    "N23": (
        lambda site: [kinds_of_numbers(site), kinds_of_numbers(site, a=1)],
        [["int", "int"]] * 2,
        [["int", "int"], ["str", "str"]],
    ),
    "N30": (lambda site: codes(*(send(site, "GET", f"{USAGE}?days={n}") for n in ("7.5", "0"))), [400] * 2, [500, 400]),
    "N31": (lambda site: codes(send(site, "GET", f"{USAGE}?days=null")), [400], [500]),
    "N32": (
        lambda site: codes(*(send(site, "GET", f"{GEMINIS}?{query}", GEMINI) for query in ("a=1&a=2", "a=1"))),
        [200, 200],
        [500, 200],
    ),
    "N33": (
        lambda site: [kind(send(site, "GET", f"{TASKS}/{'a' * length}", BATCH)) for length in (2000, 200)],
        ["application/json"] * 2,
        ["text/html", "application/json"],
    ),
    "N34": (lambda site: codes(send(site, "QUERY", MODELS), send(site, "PUT", MODELS)), [405, 405], [200, 405]),
    "N35": (
        lambda site: [site.gateway.keys[GPT] in send(site, name, MODELS).text for name in ("TRACE", "PUT")],
        [False, False],
        [True, False],
    ),
    "N36": (
        lambda site: codes(*(send(site, "GET", f"{TASKS}/{i}", BATCH) for i in ("%C3%A9", "a"))),
        [404] * 2,
        [500, 404],
    ),
    "N37": (
        lambda site: [kind(send(site, "GET", f"{GEMINIS}/{name}", GEMINI)) for name in ("a%0D%0Ab:1", "a%20b")],
        ["application/json"] * 2,
        ["text/html", "application/json"],
    ),
    "N38": (
        lambda site: [
            int(site.post(f"{RESPONSES}/{rest}", GPT, BODIES[RESPONSES][1]).status_code) for rest in ("a%25b", "ab")
        ],
        [404, 404],
        [500, 404],
    ),
    "N39": (
        lambda site: codes(*(send(site, "GET", f"{GEMINIS}?pageSize={n}", GEMINI) for n in ("many", "2"))),
        [400, 200],
        [500, 200],
    ),
    "N40": (
        lambda site: codes(*(send(site, "GET", f"{MODELS}?limit={n}") for n in ("many", "2"))),
        [200] * 2,
        [500, 200],
    ),
    "N41": (lambda site: codes(send(site, "GET", f"{GEMINIS}?pageToken=a", GEMINI)), [400], [418]),
    "N42": (
        lambda site: codes(send(site, "GET", MODELS, content_type="multipart/form-data"), send(site, "GET", MODELS)),
        [200, 200],
        [500, 200],
    ),
    "N43": (stalls, False, True),
}
