"""What of each fault of properties is seen on the wire; test_faults runs them."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

MESSAGES, CHAT, RESPONSES = "/v1/messages", "/v1/chat/completions", "/v1/responses"
CLAUDE, GPT, GEMINI = "general:anthropic", "general:openai", "general:gemini"
FLASH = "/v1beta/models/gemini-2.5-flash"
MARKUP = base64.urlsafe_b64encode(b'{"a":"<&>"}').decode()


def chat(text: str = "@upstream echo\nhi", **fields: Any) -> dict[str, Any]:
    return {"model": "gpt-5.1", "messages": [{"role": "user", "content": text}], **fields}


def sent(site: Any, path: str, role: str, text: str) -> Any:
    """The answer to a body of this text."""
    headers = site.headers(role) | {"content-type": "application/json"}
    return site.client.post(path, headers=headers, content=text.encode())


def second_model(site: Any) -> list[str]:
    """Who answers with a model of another group in the query, in Chat and in Messages; and with one of its own."""
    message = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": chat()["messages"]}
    return [
        site.post(f"{CHAT}?model=claude-sonnet-4-5", GPT, chat()).json()["model"],
        site.post(f"{MESSAGES}?model=gpt-5.1", CLAUDE, message).json()["model"],
        site.post(f"{CHAT}?model=gpt-5.1-mini", GPT, chat()).json()["model"],
    ]


def escaped(site: Any) -> list[int]:
    """Statuses for a quote and a backslash written as numbers, and for those written as usual."""
    usual = json.dumps(chat('say "a\\z"'))
    texts = (usual.replace('\\"', "\\u0022"), usual.replace("\\\\", "\\u005C"), usual)
    return [int(sent(site, CHAT, GPT, text).status_code) for text in texts]


def ordered(site: Any) -> list[str]:
    """Why an answer of one token at most ended, the limit behind the model and before it."""
    text = "@upstream echo\nlonger than that"
    found = [chat(text, max_tokens=1), {"max_tokens": 1} | chat(text)]
    return [site.post(CHAT, GPT, body).json()["choices"][0]["finish_reason"] for body in found]


def spaced(site: Any) -> list[int]:
    usual = json.dumps(chat())
    texts = (usual, usual.replace('"model":', '"model" :'), usual.replace('"model":', '"model"\n:'))
    return [int(sent(site, CHAT, GPT, text).status_code) for text in texts]


def system(site: Any) -> list[bool]:
    """Whether a system prompt reaches the upstream, as text and as a block, converted and not."""
    found = []
    for role, model in ((GPT, "gpt-5.1"), (CLAUDE, "claude-sonnet-4-5")):
        for prompt in ("like a heron", [{"type": "text", "text": "like a heron"}]):
            nonce = f"p{time.monotonic_ns()}"
            turns = [{"role": "user", "content": f"@upstream nonce={nonce}\nx"}]
            body = {"model": model, "max_tokens": 9, "messages": turns, "system": prompt}
            assert site.post(MESSAGES, role, body).status_code == 200
            found.append("like a heron" in json.dumps(site.upstream_saw(nonce)[0].body))
    return found


def in_pieces(site: Any) -> list[bool]:
    """Whether characters are broken that come whole, in two pieces, and byte by byte."""
    found = []
    for words in ("", "split=utf8", "pieces=1"):
        text = f"@upstream echo {words}\nZ\u00fcrich \u2603 \U0001f327"
        found.append("\ufffd" in site.ask(CHAT, GPT, text, stream=True).text)
    return found


def assistants_texts(site: Any) -> list[list[str]]:
    found = []
    for path, role, model in ((MESSAGES, CLAUDE, "claude-sonnet-4-5"), (CHAT, GPT, "gpt-5.1")):
        nonce = f"p{time.monotonic_ns()}"
        turns = [
            {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
            {"role": "user", "content": f"@upstream nonce={nonce}\nx"},
        ]
        assert site.post(path, role, {"model": model, "max_tokens": 9, "messages": turns}).status_code == 200
        received = site.upstream_saw(nonce)[0].body["messages"]
        found.append([part["text"] for turn in received[:2] for part in turn["content"]])
    return found


def nulls(site: Any) -> list[int]:
    names = ("max_tokens", "max_completion_tokens", "stop")
    return [int(site.post(CHAT, GPT, chat() | {name: None}).status_code) for name in names]


def counted(site: Any) -> list[bool]:
    """Whether a turn of the assistant and one of the user raise a count."""
    user, assistant = ({"role": role, "content": "many words " * 9} for role in ("user", "assistant"))
    counts = [
        site.post(f"{MESSAGES}/count_tokens", CLAUDE, {"model": "claude-sonnet-4-5", "messages": turns}).json()
        for turns in ([user], [user, assistant], [user, assistant, user])
    ]
    numbers = [count["input_tokens"] for count in counts]
    return [numbers[0] < numbers[1], numbers[1] < numbers[2]]


def markup(site: Any) -> list[str]:
    """Arguments with markup of Chat and Responses, whole; and of Chat, streamed."""
    words = f"@upstream tool_calls=1 arguments={MARKUP}\nx"
    called = chat(words, tools=[{"type": "function", "function": {"name": "look"}}])
    whole = site.post(CHAT, GPT, called).json()["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    asked = {"model": "gpt-5.1", "input": words, "tools": [{"type": "function", "name": "look", "parameters": {}}]}
    item = site.post(RESPONSES, GPT, asked).json()["output"][0]["arguments"]
    chunks = [chunk for _, chunk in site.events(CHAT, GPT, words, tools=called["tools"])[:-1] if chunk["choices"]]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    calls = [call for delta in deltas for call in delta.get("tool_calls") or []]
    return [whole, item, "".join(call["function"].get("arguments") or "" for call in calls)]


def nul(site: Any) -> list[str]:
    text = "@upstream echo\na\0b"
    contents = [{"role": "user", "parts": [{"text": text}]}]
    gemini = site.post(f"{FLASH}:generateContent", GEMINI, {"contents": contents}).json()
    return [
        site.ask(CHAT, GPT, text).json()["choices"][0]["message"]["content"],
        site.ask(MESSAGES, CLAUDE, text).json()["content"][0]["text"],
        gemini["candidates"][0]["content"]["parts"][0]["text"],
    ]


def opened(site: Any) -> list[int]:
    """A key of an OpenAI group on a Gemini path: with a model of its own in the body, another one, and none."""
    contents = [{"role": "user", "parts": [{"text": "x"}]}]
    bodies = [{"contents": contents} | ({"model": model} if model else {}) for model in ("gpt-5.1", "claude", "")]
    return [int(site.post(f"{FLASH}:generateContent", GPT, body).status_code) for body in bodies]


def declared(site: Any) -> list[int]:
    """Statuses for a call of a function that is declared in either form of the name."""
    contents = [{"role": "user", "parts": [{"text": "@upstream tool_calls=1\nx"}]}]
    names = ("functionDeclarations", "function_declarations")
    bodies = [{"contents": contents, "tools": [{name: [{"name": "look"}]}]} for name in names]
    return [int(site.post(f"{FLASH}:generateContent", GEMINI, body).status_code) for body in bodies]


_OTHERS = ["claude-sonnet-4-5", "gpt-5.1", "gpt-5.1"]
_OWN = ["gpt-5.1", "claude-sonnet-4-5", "gpt-5.1"]
_EXACT, _ESCAPED = '{"a":"<&>"}', '{"a":"\\u003c\\u0026\\u003e"}'

# fault -> what is observed, what the conforming gateway shows, what the faulty one shows
PROPERTY_PROOFS: dict[str, tuple[Any, Any, Any]] = {
    "M04": (second_model, _OWN, _OTHERS),
    "P01": (escaped, [200] * 3, [400, 400, 200]),
    "P02": (ordered, ["length", "length"], ["length", "stop"]),
    "P03": (spaced, [200] * 3, [200, 400, 400]),
    "P04": (system, [True] * 4, [True, False, True, True]),
    "P05": (in_pieces, [False] * 3, [False, False, True]),
    "P06": (assistants_texts, [["one", "two", "one", "two"]] * 2, [["one", "two", "two", "one"]] * 2),
    "P07": (nulls, [200] * 3, [400, 200, 200]),
    "P08": (counted, [True, True], [False, True]),
    "P09": (markup, [_EXACT] * 3, [_ESCAPED, _ESCAPED, _EXACT]),
    "P10": (nul, ["a\0b"] * 3, ["ab"] * 3),
    "P11": (opened, [400] * 3, [200, 400, 400]),
    "P12": (declared, [200, 200], [200, 400]),
}
