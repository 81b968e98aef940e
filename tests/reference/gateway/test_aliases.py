"""Aliases: the same handlers behind other paths, and nothing behind those that are not registered."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reference.gateway.responding import GPT, ask, kinds, stream

RESPONSES = ("/responses", "/backend-api/codex/responses")
CHAT = "/chat/completions"
IMAGES = ("/images/generations", "/images/edits")
ROLES = (GPT, "general:anthropic", "general:gemini", "image:batch", f"{GPT}+expired", f"{GPT}+exhausted")
BODIES = {
    "good": {
        "model": "gpt-5.1",
        "input": "@upstream echo usage=1,2\nhi",
        "messages": [{"role": "user", "content": "hi"}],
    },
    "empty": {},
    "model": {"model": "none", "input": "x", "messages": [{"role": "user", "content": "x"}], "prompt": "x"},
}


def comparable(answer: Any) -> Any:
    """What does not differ from one answer to the next: without ids and times."""
    document = answer.json()
    if answer.status_code == 200:
        document = sorted(document)
    document = (
        {name: value for name, value in document.items() if name != "request_id"} if answer.is_error else document
    )
    return answer.status_code, answer.headers["content-type"], document


@pytest.mark.parametrize("alias", [*RESPONSES, *(f"{path}/compact" for path in RESPONSES), CHAT, *IMAGES])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("body", BODIES)
def test_an_alias_answers_like_its_standard_path(site: Any, alias: str, role: str, body: str) -> None:
    standard = f"/v1{alias.removeprefix('/backend-api/codex')}"
    fields = BODIES[body]
    answers = [comparable(site.post(path, role, fields)) for path in (alias, standard)]
    assert answers[0] == answers[1]
    if (role, body) == (GPT, "good"):
        assert answers[0][0] == (400 if alias in IMAGES else 200)


@pytest.mark.parametrize("alias", RESPONSES)
def test_a_stream_of_an_alias_is_that_of_the_standard_path(site: Any, alias: str) -> None:
    text = "@upstream echo\nhello there"
    assert kinds(stream(site, text, alias)) == kinds(stream(site, text))


@pytest.mark.parametrize("alias", RESPONSES)
def test_a_stored_response_has_one_id_on_all_paths(site: Any, alias: str) -> None:
    response = ask(site, "x", path=alias).json()
    assert site.get(f"/v1/responses/{response['id']}", GPT).json() == response
    assert site.get(f"{alias}/{response['id']}", GPT).json() == response


def test_a_call_by_an_alias_is_booked(site: Any) -> None:
    key = site.key(GPT)
    for alias in RESPONSES:
        site.client.post(alias, headers={"x-api-key": key}, json=BODIES["good"])
    total = site.usage(key)["usage"]["total"]
    assert (total["requests"], total["input_tokens"]) == (2, 2)


@pytest.mark.parametrize("path", ["/models", "/usage", "/messages", "/v1beta/chat/completions", "/codex/responses"])
def test_what_is_not_registered_is_404(site: Any, path: str) -> None:
    for answer in (site.get(path, GPT), site.post(path, GPT, {})):
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
