"""How a probe bears with a gateway: what it retries, how long it waits, and how it paces wrong keys."""

from __future__ import annotations

import asyncio
import dataclasses
import email.utils
import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.results import ResultStatus
from llmapi_conformance.sending.credentials import NO_AUTH
from llmapi_conformance.sending.retrying import pause_before
from llmapi_conformance.target.prices import Spending
from llmapi_conformance.target.profile import PROFILES
from tests.judging.build import exchange
from tests.sending.gateways import Asked, answer, conducted, running, target_at

if TYPE_CHECKING:
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.sending.session import Session
    from llmapi_conformance.target.profile import Profile

PROBE = dataclasses.replace(PROFILES["probe"], retry_pause=0.01, wrong_key_pause=0.0)
GATE = dataclasses.replace(PROFILES["gate"], retry_pause=0.01, retries=2)
READ = "/v1/images/tasks/t1"


def refusing(statuses: list[int], seen: list[float]) -> Any:
    """A gateway that answers with these statuses, one after another, and then with 200; 0 is silence."""

    async def handle(_: Asked, writer: asyncio.StreamWriter) -> None:
        seen.append(time.monotonic())
        status = statuses.pop(0) if statuses else 200
        if status:
            writer.write(answer(status, {"status": status}))
            await writer.drain()

    return handle


async def any_answer(session: Session) -> Exchange:
    return await session.get(READ, expect="any")


async def a_refusal(session: Session) -> Exchange:
    return await session.get(READ, expect="refusal")


@pytest.mark.parametrize("status", [429, 502, 503, 504, 529, 0])
@pytest.mark.parametrize("asks", [any_answer, a_refusal])
def test_not_now_is_asked_again_in_a_probe_whatever_the_scenario_is_about(
    status: int, asks: Any, tmp_path: Path
) -> None:
    with running(refusing([status, status], [])) as url:
        result, conductor = conducted(tmp_path / "r.jsonl", target_at(url), asks, PROBE)
    assert (result.status, result.value.status, conductor.budget.sent) == (ResultStatus.DONE, 200, 3)


@pytest.mark.parametrize("status", [429, 502, 503, 504, 529, 0])
def test_not_now_for_longer_than_the_retries_is_inconclusive_and_every_attempt_is_kept(
    status: int, tmp_path: Path
) -> None:
    with running(refusing([status] * 9, [])) as url:
        result, conductor = conducted(tmp_path / "r.jsonl", target_at(url), any_answer, PROBE)
    assert result.status is ResultStatus.INCONCLUSIVE
    assert [one.attempt for one in conductor.exchanges] == [1, 2, 3]


@pytest.mark.parametrize("profile", [PROBE, GATE], ids=["probe", "gate"])
def test_an_error_of_the_gateway_itself_is_judged_in_every_profile(profile: Profile, tmp_path: Path) -> None:
    with running(refusing([500], [])) as url:
        result, _ = conducted(tmp_path / "r.jsonl", target_at(url), any_answer, profile)
    assert result.value.status == 500


def test_the_gate_judges_what_a_scenario_is_about(tmp_path: Path) -> None:
    with running(refusing([503], [])) as url:
        result, _ = conducted(tmp_path / "r.jsonl", target_at(url), any_answer, GATE)
    assert result.value.status == 503


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [
        ("", 2.0),
        ("7", 7.0),
        ("0", 2.0),
        ("30", 30.0),
        ("31", None),
        ("²", 2.0),
        ("-5", 2.0),
        ("soon", 2.0),
        ("9" * 400, None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 2.0),
    ],
)
def test_retry_after_is_honoured_up_to_the_cap(retry_after: str, pause: float | None) -> None:
    headers = (("retry-after", retry_after),) if retry_after else ()
    assert pause_before(2, exchange(status=429, headers=headers), PROFILES["probe"]) == pause


def test_retry_after_may_be_a_date() -> None:
    headers = (("retry-after", email.utils.formatdate(time.time() + 28, usegmt=True)),)
    found = pause_before(1, exchange(status=503, headers=headers), PROFILES["probe"])
    assert found is not None
    assert 15 < found <= 28


def test_the_retries_end() -> None:
    assert pause_before(3, exchange(status=429), PROFILES["probe"]) is None


def test_requests_without_a_good_key_come_one_by_one_with_a_pause_between_them(tmp_path: Path) -> None:
    seen: list[float] = []

    async def asks(session: Session) -> list[Exchange]:
        wrong = (
            NO_AUTH,
            session.auth(credential=session.made_up_key()),
            session.auth(credential=session.key().truncated()),
            (session.auth(), session.auth("x-api-key", session.made_up_key())),
        )
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(session.get(READ, auth=auth, expect="any")) for auth in wrong]
        return [task.result() for task in asked]

    profile = dataclasses.replace(PROBE, wrong_key_pause=0.3)
    with running(refusing([], seen)) as url:
        result, _ = conducted(tmp_path / "r.jsonl", target_at(url), asks, profile)
    assert result.status is ResultStatus.DONE
    assert all(later - earlier >= 0.3 for earlier, later in itertools.pairwise(seen))


def test_good_keys_wait_for_nobody_and_a_target_may_ask_for_no_pause(tmp_path: Path) -> None:
    async def asks(session: Session) -> None:
        async with asyncio.TaskGroup() as group:
            for auth in (NO_AUTH, NO_AUTH, session.auth(), session.auth(credential=session.key().padded(" "))):
                group.create_task(session.get(READ, auth=auth, expect="any"))

    profile = dataclasses.replace(PROFILES["probe"], wrong_key_pause=60.0)
    began = time.monotonic()
    with running(refusing([], [])) as url:
        result, _ = conducted(tmp_path / "r.jsonl", target_at(url, wrong_key_pause=0.0), asks, profile)
    assert result.status is ResultStatus.DONE
    assert time.monotonic() - began < 30  # the profile's pause is 60 s


def test_a_gateway_that_charges_more_than_was_declared_is_asked_no_further_once_the_limit_is_broken(
    tmp_path: Path,
) -> None:
    async def dear(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, {"usage": {"prompt_tokens": 400, "completion_tokens": 1}}))
        await writer.drain()

    async def asks_five_times(session: Session) -> None:
        for _ in range(5):
            await session.post("/v1/chat/completions", json={"model": "m"}, operation="createChatCompletion")

    with running(dear) as url:
        target = target_at(url, offers=frozenset({"tasks", "chat"}), spending=Spending(input_tokens=1_000))
        result, conductor = conducted(tmp_path / "r.jsonl", target, asks_five_times, PROBE)
    assert result.status is ResultStatus.NOT_OBSERVED
    assert "has brought the run to 1200 input tokens; the limit is 1000" in result.reason
    assert conductor.budget.sent == 3
