"""The schemas of the OpenAPI description take the documentation's examples and refuse what contradicts them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

Document = dict[str, Any]
FOLDER = Path(__file__).parents[2] / "specs" / "openapi"


@pytest.fixture(scope="module")
def registry() -> Registry[Any]:
    files = {path.as_uri(): yaml.safe_load(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.yaml")}
    resources = [(uri, Resource.from_contents(contents, DRAFT202012)) for uri, contents in files.items()]
    empty: Registry[Any] = Registry()
    return empty.with_resources(resources)


def _accepts(registry: Registry[Any], schema: str, document: object) -> bool:
    file, _, name = schema.partition("#")
    reference = {"$ref": f"{(FOLDER / file).as_uri()}.yaml#/schemas/{name}"}
    return bool(Draft202012Validator(reference, registry=registry).is_valid(document))


MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 1},
}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1779912000,
    "model": "gpt-5.1",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}
RESPONSE = {"id": "resp_123", "object": "response", "status": "completed", "model": "gpt-5.1", "output": []}
IMAGES = {"created": 1779912000, "data": [{"b64_json": "aGVsbG8="}]}
TASK = {
    "id": "8b17fd33b0e947a08cb417e81e9ea9da",
    "task_id": "8b17fd33b0e947a08cb417e81e9ea9da",
    "object": "image.task",
    "status": "running",
    "model": "gpt-image-2",
    "n": 1,
}
COUNTERS = {
    "requests": 2,
    "input_tokens": 3,
    "output_tokens": 4,
    "total_tokens": 7,
    "cost": 0.1,
    "actual_cost": 0.1,
}
QUOTA = {
    "mode": "quota_limited",
    "isValid": True,
    "status": "active",
    "quota": {"limit": 100, "used": 12.34, "remaining": 87.66, "unit": "USD"},
    "remaining": 87.66,
    "unit": "USD",
    "usage": {"today": COUNTERS, "total": COUNTERS, "average_duration_ms": 1200, "rpm": 1, "tpm": 9},
    "daily_usage": [],
    "model_stats": [],
}
WALLET = {
    "mode": "unrestricted",
    "isValid": True,
    "planName": "钱包余额",
    "remaining": 42.5,
    "unit": "USD",
    "balance": 42.5,
    "usage": {"today": {"requests": 1, "total_tokens": 4, "actual_cost": 0.1}},
}
INVALID_KEY = {"type": "error", "error": {"type": "authentication_error", "message": "Invalid API key"}}
EMPTY_BODY = {"type": "error", "error": {"type": "invalid_request_error", "message": "Request body is empty"}}
WRONG_PLATFORM = {
    "error": {"type": "not_found_error", "message": "Images API is not supported for this platform"},
}
GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4},
}
GOOGLE_ERROR = {"error": {"code": 404, "message": "no such model", "status": "NOT_FOUND"}}
SUBMIT = {
    "model": "gemini-2.5-flash-image",
    "prompt": "a bottle",
    "image_size": "1K",
    "aspect_ratio": "1:1",
    "n": 1,
}
GENERATE = {"model": "gpt-image-2", "prompt": "a bottle", "size": "1024x1024", "n": 1, "response_format": "b64_json"}
EDIT = {"model": "gpt-image-2", "prompt": "a cap", "images": [{"image_url": "https://example.com/input.png"}]}
FRAME_ERROR = {"type": "error", "status": 400, "error": {"code": "previous_response_not_found", "message": "unknown"}}
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize(
    ("schema", "document"),
    [
        ("messages#CreateMessageRequest", {"model": "claude-sonnet-4-5", "max_tokens": 512, "messages": HELLO}),
        ("messages#CountMessageTokensRequest", {"model": "claude-sonnet-4-5", "messages": HELLO}),
        ("messages#Message", MESSAGE),
        ("messages#MessageEvent", {"event": "ping", "data": '{"type":"ping"}'}),
        ("chat#CreateChatCompletionRequest", {"model": "gpt-5.1", "messages": HELLO, "temperature": None}),
        ("chat#ChatCompletion", COMPLETION),
        ("chat#ChatCompletionEvent", {"data": "[DONE]"}),
        ("chat#ChatCompletionEvent", {"data": "{}"}),
        ("responses#CreateResponseRequest", {"model": "gpt-5.1", "input": "Hello", "stream": False}),
        ("responses#CreateResponseRequest", {"model": "gpt-5.1", "input": [{"role": "user", "content": "Hello"}]}),
        ("responses#Response", RESPONSE),
        ("websocket#ServerMessage", {"type": "response.created", "sequence_number": 0, "response": RESPONSE}),
        ("websocket#ServerMessage", FRAME_ERROR),
        ("websocket#ClientMessage", {"type": "response.create", "model": "gpt-5.1", "input": "Hello"}),
        ("images#GenerateImageRequest", GENERATE),
        ("images#EditImageRequest", EDIT),
        ("images#ImageList", IMAGES),
        ("tasks#SubmitImageTaskRequest", SUBMIT),
        ("tasks#SubmitImageTaskRequest", {"prompt": "a bottle", "stream": False}),
        ("tasks#ImageTask", TASK),
        ("tasks#SubmittedTask", TASK),
        ("usage#Usage", QUOTA),
        ("usage#Usage", WALLET),
        ("gemini#GenerateContentRequest", {"contents": [{"parts": [{"text": "Hello"}]}]}),
        ("gemini#GenerateContentResponse", GEMINI),
        ("gemini#GenerateContentPiece", GOOGLE_ERROR),
        ("common#InvalidKeyError", INVALID_KEY),
        ("common#AnthropicError", EMPTY_BODY),
        ("common#OpenAIError", EMPTY_BODY),
        ("common#ImageError", WRONG_PLATFORM),
        ("common#GoogleError", GOOGLE_ERROR),
    ],
)
def test_a_schema_takes(registry: Registry[Any], schema: str, document: Document) -> None:
    assert _accepts(registry, schema, document)
    assert _accepts(registry, schema, {**document, "x_unknown": 1}), "objects are open"


@pytest.mark.parametrize(
    ("schema", "document"),
    [
        ("messages#CreateMessageRequest", {"model": "claude-sonnet-4-5"}),
        ("messages#CreateMessageRequest", {"model": 1, "messages": HELLO}),
        ("messages#Message", {**MESSAGE, "stop_reason": None}),
        ("messages#Message", {**MESSAGE, "choices": []}),
        ("messages#Message", {**MESSAGE, "content": [{"type": "tool_use", "id": "t", "name": "f", "input": "{}"}]}),
        ("chat#ChatCompletion", {**COMPLETION, "object": "chat.completion.chunk"}),
        ("chat#ChatCompletion", {**COMPLETION, "choices": []}),
        ("chat#ChatCompletion", {**COMPLETION, "usage": {"prompt_tokens": "3"}}),
        ("responses#CreateResponseRequest", {"model": "gpt-5.1"}),
        ("responses#Response", {**RESPONSE, "status": "canceled"}),
        ("websocket#ServerMessage", {"type": "error", "sequence_number": 1, "error": {"message": "no status"}}),
        ("images#GenerateImageRequest", {**GENERATE, "n": 0}),
        ("images#GenerateImageRequest", {**GENERATE, "model": "gpt-5.1"}),
        ("images#GenerateImageRequest", {"model": "gpt-image-2"}),
        ("images#EditImageRequest", {**EDIT, "images": [{"file_id": "file_1"}]}),
        ("images#EditImageRequest", {**EDIT, "mask": {"file_id": "file_1", "image_url": "https://example.com/m.png"}}),
        ("images#ImageList", {**IMAGES, "data": [{"b64_json": "aGVsbG8=", "url": "https://example.com/a.png"}]}),
        ("tasks#SubmitImageTaskRequest", {**SUBMIT, "stream": True}),
        ("tasks#SubmitImageTaskRequest", {**SUBMIT, "prompt": ""}),
        ("tasks#ImageTask", {**TASK, "status": "cancelled"}),
        ("tasks#SubmittedTask", {"status": "queued"}),
        ("usage#Usage", {**QUOTA, "mode": "limited"}),
        ("usage#Usage", {**QUOTA, "isValid": "true"}),
        ("gemini#GenerateContentPiece", {"error": {"message": "no code", "status": "INTERNAL"}}),
        ("common#InvalidKeyError", EMPTY_BODY),
        ("common#AnthropicError", WRONG_PLATFORM),
        ("common#ImageError", EMPTY_BODY),
        ("common#GoogleError", {"error": {"code": "404", "message": "text", "status": "NOT_FOUND"}}),
    ],
)
def test_a_schema_refuses(registry: Registry[Any], schema: str, document: Document) -> None:
    assert not _accepts(registry, schema, document)
