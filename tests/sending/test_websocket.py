"""WebSockets from a scenario's point of view, against a server of the websockets library."""

from __future__ import annotations

import contextlib
import dataclasses
import http
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.server import ServerConnection, serve

from llmapi_conformance.contract.operations import load_operations
from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.evidence.journal import Journal
from llmapi_conformance.evidence.recording import RecordedResult, read_recording
from llmapi_conformance.evidence.results import ResultStatus, ScenarioResult
from llmapi_conformance.judging.websocket_turns import ENDS
from llmapi_conformance.sending.conductor import Conductor
from llmapi_conformance.sending.plan import Plan, Step
from llmapi_conformance.sending.scenario import Cost, Instance, Scenario
from llmapi_conformance.sending.sender import Setting
from llmapi_conformance.sending.socket_session import TERMINAL
from llmapi_conformance.target.keyring import Keyring
from llmapi_conformance.target.profile import PROFILES, Profile
from llmapi_conformance.target.target import Role, Target, Timeouts
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from websockets.http11 import Request, Response

    from llmapi_conformance.sending.session import Session
    from llmapi_conformance.sending.socket_session import SocketSession

KEY = "key-0123456789abcdef"
ROLE = "general:openai"
CREATE = {"type": "response.create", "model": "m", "input": "é"}
PROFILE = dataclasses.replace(PROFILES["gate"], retries=1, retry_pause=0.01)


class Gateway:
    """Answers each response.create with two events; refuses as often as it is told to."""

    def __init__(self, *refusals: int) -> None:
        self.refusals = list(refusals)
        self.heard: list[str | bytes] = []
        self.url = ""

    def door(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.refusals:
            status = self.refusals.pop(0)
            return connection.respond(http.HTTPStatus(status), json.dumps({"key": request.headers["Authorization"]}))
        return None

    def talk(self, connection: ServerConnection) -> None:
        for message in connection:
            self.heard.append(message)
            asked = json.loads(message)
            if asked.get("say"):
                connection.send(asked["say"])
            elif asked.get("close"):
                connection.close(asked["close"])
            elif asked["type"] == "response.create":
                connection.send(json.dumps({"type": "response.created", "echo": asked.get("input")}))
                connection.send(json.dumps({"type": "response.completed"}))


@contextlib.contextmanager
def running(gateway: Gateway) -> Iterator[None]:
    with serve(gateway.talk, "127.0.0.1", 0, process_request=gateway.door, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        gateway.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def conducted(
    path: Path,
    gateway: Gateway,
    function: Callable[[Session], Awaitable[Any]],
    profile: Profile = PROFILE,
    **changes: Any,
) -> tuple[ScenarioResult, Conductor]:
    """One scenario against a gateway; the recording is at the path."""
    instance = Instance(Scenario("talk", "websocket", function, role=ROLE, cost=Cost(1)), {})
    with running(gateway):
        target = Target(
            "here",
            gateway.url,
            {ROLE: Role(ROLE, ("m",))},
            offers=frozenset({"websocket"}),
            timeouts=Timeouts(20, 20, 20, 40),
            **changes,
        )
        operations = load_operations(tree() / "specs")
        opening: dict[str, Any] = {"target": {"base_url": gateway.url}, "profile": "gate", "selection": {}}
        with Journal(path, tool_version="0", contract_digest="0", **opening) as journal:
            conductor = Conductor(Setting(target, Keyring({ROLE: KEY}), profile, operations, {}), journal)
            conductor.begin(Plan((Step(instance, ""),)))
            result = conductor.result(instance)
            conductor.close()
    return result, conductor


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.jsonl"


def test_a_scenario_talks_in_json_and_everything_is_recorded_without_the_key(path: Path) -> None:
    async def talk(session: Session) -> Exchange:
        async def script(ws: SocketSession) -> None:
            for _ in range(2):
                assert await ws.send(CREATE)
                assert await ws.receive() == {"type": "response.created", "echo": "é"}
                assert await ws.receive_until("response.completed") == {"type": "response.completed"}
            assert await ws.ping(b"x")
            assert await ws.send({"type": "other", "say": f"no JSON: {KEY}"})
            await ws.send({"type": "other", "say": '{"type":"last"}'})
            assert await ws.receive() == {"type": "last"}
            await ws.close(1000, "done")
            assert not ws.open
            assert not await ws.send(CREATE)
            assert await ws.receive() is None

        return await session.websocket("/v1/responses", script, headers={"OpenAI-Beta": "x"})

    gateway = Gateway()
    result, conductor = conducted(path, gateway, talk)
    assert (result.status, result.reason) == (ResultStatus.DONE, "")
    exchange = result.value
    assert (exchange.operation, exchange.mode, exchange.status) == ("connectResponses", "websocket", 101)
    assert exchange.ending is Ending.COMPLETE
    assert exchange.close == (1000, "done", "client")
    assert conductor.budget.sent == 3  # the connection and two turns
    assert json.loads(gateway.heard[0]) == CREATE
    assert [one.json["type"] for one in exchange.messages] == [
        *("response.created", "response.completed", "response.created", "response.completed", "last")
    ]
    assert KEY not in path.read_text()
    assert b"no JSON: [[key:general:openai]]" in exchange.body
    assert ("Authorization", "Bearer [[key:general:openai]]") in exchange.request.headers
    recorded = read_recording(path).result("talk")
    assert isinstance(recorded, RecordedResult)
    assert recorded.value.frames == tuple(dataclasses.replace(one, at=round(one.at, 6)) for one in exchange.frames)


def test_a_refusal_is_an_exchange_with_status_and_body(path: Path) -> None:
    async def talk(session: Session) -> Exchange:
        async def script(_: SocketSession) -> None:
            pytest.fail("it was not opened")

        return await session.websocket("/v1/responses", script, expect="refusal")

    result, _ = conducted(path, Gateway(401), talk)
    assert result.status is ResultStatus.DONE
    assert (result.value.status, result.value.mode, result.value.frames) == (401, "websocket", ())
    assert result.value.json == {"key": "Bearer [[key:general:openai]]"}
    assert KEY not in path.read_text()


async def one_turn(session: Session) -> Exchange:
    async def script(ws: SocketSession) -> None:
        await ws.send(CREATE)
        await ws.receive_until()

    return await session.websocket("/v1/responses", script)


def test_a_passing_refusal_is_tried_again_before_the_script_runs(path: Path) -> None:
    gateway = Gateway(503)
    result, conductor = conducted(path, gateway, one_turn)
    assert result.status is ResultStatus.DONE
    assert (result.value.attempt, result.value.status) == (2, 101)
    assert (len(gateway.heard), conductor.budget.sent) == (1, 3)


def test_a_lasting_refusal_is_inconclusive(path: Path) -> None:
    result, _ = conducted(path, Gateway(503, 503), one_turn)
    assert result.status is ResultStatus.INCONCLUSIVE
    assert "answered with 503" in result.reason


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"type": "x", "say": '{"type":"error","status":429,"error":{}}'}, "had status 429"),
        ({"type": "x", "close": 1013}, "try again later"),
    ],
    ids=["an error message", "a close"],
)
def test_a_busy_gateway_is_inconclusive_unless_the_scenario_is_about_that(
    path: Path, asked: dict[str, Any], reason: str
) -> None:
    async def talk(session: Session, expect: Any = "success") -> Exchange:
        async def script(ws: SocketSession) -> None:
            await ws.send(asked)
            await ws.receive()

        return await session.websocket("/v1/responses", script, expect=expect)

    result, _ = conducted(path, Gateway(), talk)
    assert result.status is ResultStatus.INCONCLUSIVE
    assert reason in result.reason
    again, _ = conducted(path.with_name("again.jsonl"), Gateway(), lambda session: talk(session, "any"))
    assert again.status is ResultStatus.DONE


def test_an_error_message_that_names_the_request_is_judged(path: Path) -> None:
    async def talk(session: Session) -> Exchange:
        async def script(ws: SocketSession) -> None:
            await ws.send({"type": "x", "say": '{"type":"error","status":[429],"error":{}}'})
            await ws.send({"type": "x", "say": '{"type":"error","status":400,"error":{}}'})
            await ws.receive()
            await ws.receive()

        return await session.websocket("/v1/responses", script)

    result, _ = conducted(path, Gateway(), talk)
    assert result.status is ResultStatus.DONE


@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_turn_beyond_the_budget_is_not_sent_and_what_was_said_is_recorded(path: Path, as_bytes: bool) -> None:  # noqa: FBT001 - a parameter
    async def talk(session: Session) -> Exchange:
        async def script(ws: SocketSession) -> None:
            text = json.dumps(CREATE)
            for _ in range(3):
                if as_bytes:
                    await ws.send_bytes(text[:9].encode(), text[9:].encode())
                else:
                    await ws.send_text(text[:9], text[9:])
                await ws.receive_until()

        return await session.websocket("/v1/responses", script)

    gateway = Gateway()
    result, conductor = conducted(path, gateway, talk, dataclasses.replace(PROFILE, max_requests=3))
    assert result.status is ResultStatus.NOT_OBSERVED
    assert "budget" in result.reason
    assert (len(gateway.heard), conductor.budget.sent) == (2, 3)
    (kept,) = read_recording(path).exchanges.values()
    assert [one.json for one in kept.conversation if one.sent] == [CREATE, CREATE]


def test_a_scenario_may_ask_something_else_in_the_midst_of_a_turn(path: Path) -> None:
    async def talk(session: Session) -> list[Exchange]:
        inner: list[Exchange] = []

        async def script(ws: SocketSession) -> None:
            await ws.send(CREATE)
            inner.append(await one_turn(session))
            await ws.receive_until()

        outer = await session.websocket("/v1/responses", script)
        return [outer, *inner]

    result, _ = conducted(path, Gateway(), talk, concurrency=1)
    assert result.status is ResultStatus.DONE, result.reason
    assert [one.step for one in result.value] == [1, 2]


def test_a_mistake_of_the_script_is_the_suites_own_error(path: Path) -> None:
    async def talk(session: Session) -> Exchange:
        async def script(_: SocketSession) -> None:
            raise KeyError(KEY)

        return await session.websocket("/v1/responses", script)

    result, _ = conducted(path, Gateway(), talk)
    assert result.status is ResultStatus.ERROR
    assert KEY not in result.reason
    assert len(read_recording(path).exchanges) == 1


def test_a_surface_that_is_not_offered_is_not_asked(path: Path) -> None:
    gateway = Gateway()
    result, conductor = conducted(path, gateway, one_turn, not_offered={"connectResponses": "no sockets here"})
    assert (result.status, result.reason) == (ResultStatus.NOT_OFFERED, "no sockets here")
    assert conductor.budget.sent == 0


def test_hanging_up_and_waiting_for_the_end(path: Path) -> None:
    async def talk(session: Session) -> list[Exchange]:
        async def hang_up(ws: SocketSession) -> None:
            assert not await ws.ended(0.05)
            ws.hang_up()
            assert await ws.ended()

        async def be_closed(ws: SocketSession) -> None:
            await ws.send({"type": "x", "close": 4000})
            assert await ws.ended()
            assert await ws.receive_until() is None
            assert not await ws.ping()

        return [await session.websocket("/v1/responses", script) for script in (hang_up, be_closed)]

    result, _ = conducted(path, Gateway(), talk)
    assert result.status is ResultStatus.DONE, result.reason
    gone, closed = result.value
    assert (gone.ending, gone.close) == (Ending.ABORTED, None)
    assert (closed.ending, closed.close) == (Ending.COMPLETE, (4000, "", "gateway"))


def test_whoever_sends_waits_for_the_same_end_of_a_turn_as_whoever_judges() -> None:
    assert TERMINAL == ENDS
