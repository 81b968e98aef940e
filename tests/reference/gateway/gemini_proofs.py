"""What of each fault of Gemini and Antigravity is seen on the wire; test_faults runs them."""

from __future__ import annotations

import json
import time
from typing import Any

GEMINI, ANTIGRAVITY = "general:gemini", "general:antigravity"
MODELS = "/v1beta/models"
FLASH = f"{MODELS}/gemini-2.5-flash"
PRO = f"/antigravity{MODELS}/gemini-3-pro"
HI = "@upstream echo chunks=3 usage=17,5,3\nhello"
TOOLS = [{"functionDeclarations": [{"name": "look"}]}]


def asked(text: str, **fields: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **fields}


def call(site: Any, text: str = HI, method: str = "generateContent", **fields: Any) -> Any:
    return site.post(f"{FLASH}:{method}", GEMINI, asked(text, **fields))


def whole(site: Any, text: str = HI, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = call(site, text, **fields).json()
    return found


def stream(site: Any, text: str = HI) -> str:
    return str(call(site, text, "streamGenerateContent?alt=sse").text)


def pieces(site: Any, text: str = HI) -> list[dict[str, Any]]:
    lines = stream(site, text).split("\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]


def reasons(site: Any) -> list[Any]:
    found = [whole(site), *pieces(site)]
    return [document["candidates"][0].get("finishReason") for document in found]


def statuses(site: Any, *asks: tuple[str, str]) -> list[int]:
    return [int(site.post(f"{path}:generateContent", role, asked("x")).status_code) for role, path in asks]


def doors(site: Any) -> list[int]:
    """Other groups' keys and models on the path, and a model that nobody has."""
    keys = [("general:openai", FLASH), ("general:anthropic", FLASH), (ANTIGRAVITY, FLASH), (GEMINI, PRO)]
    names = [(GEMINI, f"{MODELS}/gpt-5.1"), (GEMINI, f"{MODELS}/gemini-3-pro"), (GEMINI, f"{MODELS}/none")]
    return statuses(site, *keys, *names)


def error(site: Any) -> list[str]:
    return sorted(site.post(f"{FLASH}:generateContent", GEMINI, {}).json()["error"])


def last_error(site: Any) -> list[str]:
    return sorted(pieces(site, "@upstream echo error=503 after=1\nhello")[-1]["error"])


def total(site: Any) -> list[int]:
    text = "@upstream thinking usage=17,9\nx"
    documents = [whole(site, text), pieces(site, text)[-1]]
    return [document["usageMetadata"]["totalTokenCount"] for document in documents]


def output(site: Any) -> list[int]:
    """Output tokens of a turn with thoughts on Messages and Chat, whole and streamed."""
    body = {
        "model": "gemini-2.5-flash",
        "max_tokens": 99,
        "messages": [{"role": "user", "content": "@upstream thinking usage=17,13\nx"}],
    }
    streamed = body | {"stream": True}
    found = [
        site.post("/v1/messages", GEMINI, body).json()["usage"]["output_tokens"],
        site.post("/v1/chat/completions", GEMINI, body).json()["usage"]["completion_tokens"],
    ]
    events = site.post("/v1/messages", GEMINI, streamed).text
    asks = streamed | {"stream_options": {"include_usage": True}}
    chunks = site.post("/v1/chat/completions", GEMINI, asks).text
    for text, name in ((events, '"output_tokens":'), (chunks, '"completion_tokens":')):
        found.append(int(text.rpartition(name)[2].partition(",")[0].partition("}")[0]))
    return found


def with_google_header(site: Any) -> int:
    return int(site.client.get(MODELS, headers={"x-goog-api-key": site.gateway.keys[GEMINI]}).status_code)


def guests(site: Any, role: str, prefix: str, model: str) -> list[int]:
    """A key on paths that are not its own, with a model of its own."""
    paths = [f"{prefix}{MODELS}/{model}:generateContent"]
    found = [int(site.get(f"{prefix}{MODELS}", role).status_code)]
    found += [int(site.post(path, role, asked("x")).status_code) for path in paths]
    if prefix:
        body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
        found.append(int(site.post(f"{prefix}/v1/messages", role, body).status_code))
    return found


def signature(site: Any) -> bool:
    """Whether a signature comes back to the upstream."""
    nonce = f"y{time.monotonic_ns()}"
    answer = whole(site, "@upstream thinking\nx")["candidates"][0]["content"]
    again = {"role": "user", "parts": [{"text": f"@upstream nonce={nonce}\nx"}]}
    body = {"contents": [*asked("x")["contents"], answer, again]}
    assert site.post(f"{FLASH}:generateContent", GEMINI, body).status_code == 200
    return "thoughtSignature" in json.dumps(site.upstream_saw(nonce)[0].body)


def antigravity_error(site: Any) -> str | None:
    found: str | None = site.post("/antigravity/v1/messages", ANTIGRAVITY, {}).json().get("type")
    return found


def arguments(site: Any) -> Any:
    parts = whole(site, "@upstream tool_calls=1\nx", tools=TOOLS)["candidates"][0]["content"]["parts"]
    return parts[0]["functionCall"]["args"]


def calls(site: Any) -> int:
    parts = whole(site, "@upstream tool_calls=2\nx", tools=TOOLS)["candidates"][0]["content"]["parts"]
    return sum("functionCall" in part for part in parts)


def finish(site: Any) -> str:
    tools = [{"type": "function", "function": {"name": "look"}}]
    messages = [{"role": "user", "content": "@upstream tool_calls=1\nx"}]
    body = {"model": "gemini-2.5-flash", "messages": messages, "tools": tools}
    return str(site.post("/v1/chat/completions", GEMINI, body).json()["choices"][0]["finish_reason"])


def cut(site: Any, config: str, limit: str) -> str:
    return str(whole(site, "@upstream echo\nabcdefgh", **{config: {limit: 1}})["candidates"][0]["finishReason"])


def candidates(site: Any) -> int:
    return len(whole(site, generationConfig={"candidateCount": 2})["candidates"])


def failing(site: Any) -> list[int]:
    text = "@upstream status=429\nx"
    methods = ("generateContent", "streamGenerateContent?alt=sse", "streamGenerateContent")
    return [int(call(site, text, method).status_code) for method in methods]


def counted(site: Any) -> int:
    return len({call(site, text, "countTokens").json()["totalTokens"] for text in ("x", "x" * 400)})


def said(site: Any) -> str:
    parts = [piece["candidates"][0]["content"]["parts"][0]["text"] for piece in pieces(site)]
    return "".join(parts)


# fault -> what is observed, what the conforming gateway shows, what the faulty one shows
GEMINI_PROOFS: dict[str, tuple[Any, Any, Any]] = {
    "M05": (doors, [400] * 4 + [404] * 3, [200] * 6 + [404]),
    "Y01": (error, ["code", "message", "status"], ["message", "status"]),
    "Y02": (error, ["code", "message", "status"], ["code", "message", "param", "type"]),
    "Y03": (lambda site: site.post(f"{FLASH}:generateContent", GEMINI, {}).json()["error"]["code"], 400, 500),
    "Y04": (last_error, ["code", "message", "status"], ["message", "status"]),
    "Y05": (lambda site: stream(site).count("data: [DONE]"), 0, 1),
    "Y06": (lambda site: "\n: " in stream(site), False, True),
    "Y07": (lambda site: "event: message" in stream(site), False, True),
    "Y08": (reasons, ["STOP", None, None, None, "STOP"], [None] * 5),
    "Y09": (arguments, {"n": 0}, '{"n":0}'),
    "Y10": (lambda site: total(site)[0] == total(site)[1] == 26, True, False),
    "Y11": (output, [13] * 4, [1] * 4),
    "Y12": (lambda site: ["usageMetadata" in piece for piece in pieces(site)], [True] * 4, [False] * 3 + [True]),
    "Y13": (with_google_header, 200, 401),
    "Y14": (lambda site: guests(site, ANTIGRAVITY, "", "gemini-3-pro"), [400, 400], [200, 200]),
    "Y15": (lambda site: guests(site, GEMINI, "/antigravity", "gemini-2.5-flash"), [400] * 3, [200] * 3),
    "Y16": (lambda site: "usage_metadata" in whole(site), False, True),
    "Y17": (
        lambda site: call(site, HI, "streamGenerateContent").headers["content-type"].partition(";")[0],
        "application/json",
        "text/event-stream",
    ),
    "Y18": (lambda site: len({piece["responseId"] for piece in pieces(site)}), 1, 4),
    "Y19": (signature, True, False),
    "Y20": (
        lambda site: site.get(MODELS, GEMINI).json()["models"][0]["name"],
        "models/gemini-2.5-flash",
        "gemini-2.5-flash",
    ),
    "Y21": (lambda site: whole(site)["candidates"][0]["content"]["role"], "model", "assistant"),
    "Y22": (antigravity_error, "error", None),
    "Y23": (lambda site: isinstance(call(site, "x", "countTokens").json()["totalTokens"], int), True, False),
    "Y24": (lambda site: int(site.get(f"{MODELS}/none", GEMINI).status_code), 404, 200),
    "Y26": (calls, 2, 1),
    "Y27": (finish, "tool_calls", "stop"),
    "Y28": (lambda site: cut(site, "generationConfig", "maxOutputTokens"), "MAX_TOKENS", "STOP"),
    "Y29": (candidates, 2, 1),
    "Y30": (lambda site: cut(site, "generation_config", "max_output_tokens"), "MAX_TOKENS", "STOP"),
    "Y31": (failing, [429] * 3, [429, 200, 200]),
    "Y32": (counted, 2, 1),
    "Y33": (said, "hello", "ello"),
    "Y34": (lambda site: whole(site)["usageMetadata"]["promptTokenCount"], 17, 14),
    "Y25": (reasons, ["STOP", None, None, None, "STOP"], ["STOP"] * 5),
}
