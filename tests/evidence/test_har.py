from __future__ import annotations

import base64
import dataclasses
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from llmapi_conformance.evidence.exchange import Frame
from llmapi_conformance.evidence.har import to_har
from llmapi_conformance.evidence.recording import read_recording
from tests.evidence.recordings import conversation, journal, written

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = {"type": "array", "items": {"type": "object", "required": ["name", "value"]}}
TEXT, NUMBER, WHOLE = {"type": "string"}, {"type": "number", "minimum": 0}, {"type": "integer", "minimum": -1}

# What HAR 1.2 demands of each object.
SHAPE: dict[str, Any] = {
    "type": "object",
    "required": ["log"],
    "properties": {
        "log": {
            "type": "object",
            "required": ["version", "creator", "entries"],
            "properties": {
                "version": {"const": "1.2"},
                "creator": {"type": "object", "required": ["name", "version"]},
                "entries": {"type": "array", "items": {"$ref": "#/$defs/entry"}},
            },
        }
    },
    "$defs": {
        "entry": {
            "type": "object",
            "required": ["startedDateTime", "time", "request", "response", "cache", "timings"],
            "properties": {
                "time": NUMBER,
                "request": {"$ref": "#/$defs/request"},
                "response": {"$ref": "#/$defs/response"},
                "cache": {"type": "object"},
                "timings": {
                    "type": "object",
                    "required": ["send", "wait", "receive"],
                    "properties": {"send": NUMBER, "wait": NUMBER, "receive": NUMBER},
                },
            },
        },
        "request": {
            "type": "object",
            "required": [
                "method",
                "url",
                "httpVersion",
                "cookies",
                "headers",
                "queryString",
                "headersSize",
                "bodySize",
            ],
            "properties": {
                "url": {"pattern": "^(http|ws)://"},
                "headers": PAIRS,
                "queryString": PAIRS,
                "headersSize": WHOLE,
                "bodySize": WHOLE,
                "postData": {"type": "object", "required": ["mimeType", "params", "text"]},
            },
        },
        "response": {
            "type": "object",
            "required": [
                "status",
                "statusText",
                "httpVersion",
                "cookies",
                "headers",
                "content",
                "redirectURL",
                "headersSize",
                "bodySize",
            ],
            "properties": {
                "status": {"type": "integer"},
                "headers": PAIRS,
                "content": {
                    "type": "object",
                    "required": ["size", "mimeType"],
                    "properties": {"size": WHOLE, "mimeType": TEXT, "text": TEXT, "encoding": {"const": "base64"}},
                },
                "redirectURL": TEXT,
            },
        },
    },
}


@pytest.fixture
def entries(tmp_path: Path) -> list[dict[str, Any]]:
    har = json.loads(json.dumps(to_har(read_recording(written(tmp_path / "recording.jsonl")))))
    jsonschema.validate(har, SHAPE)
    found: list[dict[str, Any]] = har["log"]["entries"]
    return found


def test_every_exchange_is_an_entry(entries: list[dict[str, Any]]) -> None:
    assert [entry["_exchange"] for entry in entries] == ["hello[a-b]#1", "hello[a-b]#2", "later[a-b]#1"]


def test_the_request_is_there_as_it_was_sent(entries: list[dict[str, Any]]) -> None:
    request = entries[0]["request"]
    assert request["url"] == "http://127.0.0.1:1/api/v1/messages?x=1&y=%20"
    assert request["queryString"] == [{"name": "x", "value": "1"}, {"name": "y", "value": " "}]
    assert request["postData"] == {"mimeType": "application/json", "text": '{"stream":true}', "params": []}
    assert {"name": "X-Key", "value": "[[key:x]]"} in request["headers"]


def test_the_body_is_whole_and_its_chunks_carry_their_times(entries: list[dict[str, Any]]) -> None:
    response = entries[0]["response"]
    body = "data: \u20ac\u20ac\n\n"
    assert response["content"]["text"] == body
    assert response["content"]["size"] == len(body.encode())
    assert response["_chunks"] == [
        {"at": 200.0, "text": "data: \u20ac"},
        {"at": 250.0, "base64": base64.b64encode(b"\xe2\x82").decode()},
        {"at": 300.0, "text": ""},
        {"at": 400.0, "base64": base64.b64encode(b"\xac\n\n").decode()},
    ]
    assert (response["_ending"], response["bodySize"]) == ("cut", 16)


def test_times_add_up(entries: list[dict[str, Any]]) -> None:
    entry = entries[0]
    assert datetime.fromisoformat(entry["startedDateTime"]).timestamp() == 1_700_000_001.5
    assert entry["timings"] == {"send": 0, "wait": 123.456, "receive": 376.544}
    assert entry["time"] == 500.0


def test_an_exchange_without_an_answer_has_status_0(entries: list[dict[str, Any]]) -> None:
    assert entries[2]["response"]["status"] == 0
    assert entries[2]["comment"] == "the connection was refused"


def test_a_websocket_carries_its_messages_as_browsers_write_them(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    binary = Frame(0.5, sent=False, kind="binary", data=b"\xff")
    talk = conversation()
    with journal(path) as writing:
        writing.write_exchange(dataclasses.replace(talk, frames=(binary, *talk.frames)))
    har = json.loads(json.dumps(to_har(read_recording(path))))
    jsonschema.validate(har, SHAPE)
    (entry,) = har["log"]["entries"]
    assert entry["request"]["url"] == "ws://127.0.0.1:1/api/v1/responses"
    assert entry["response"]["status"] == 101
    assert entry["_resourceType"] == "websocket"
    assert entry["_webSocketMessages"] == [
        {"type": "receive", "time": 1_700_000_002.0, "opcode": 2, "data": "/w=="},
        {"type": "send", "time": 1_700_000_001.6, "opcode": 1, "data": '{"type":"response.create"}'},
        {"type": "receive", "time": 1_700_000_001.8, "opcode": 1, "data": '{"type":"\u20ac"}'},
    ]
    assert entry["_webSocketClose"] == {"code": 1000, "reason": "bye", "by": "gateway"}


def test_a_refused_websocket_has_no_messages(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    with journal(path) as writing:
        writing.write_exchange(conversation(response=None, frames=(), failure="the connection was refused"))
    (entry,) = to_har(read_recording(path))["log"]["entries"]
    assert (entry["_webSocketMessages"], entry["_webSocketClose"]) == ([], None)
