"""Faults of image tasks: what is sent in and what is answered."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.edge import Seen, Whole, changing_answers, changing_requests
from llmapi_conformance.reference.gateway.edge_tasks import (
    ACTIVE,
    FINAL,
    ask_inside,
    bad,
    changing_task_answers,
    changing_tasks,
    key_in,
    operation,
    secret_in,
    task_id,
    when,
)
from llmapi_conformance.reference.gateway.faulty.doors import rewriting, with_key
from llmapi_conformance.reference.gateway.models import MODELS
from llmapi_conformance.reference.gateway.tasks_body import UNSUPPORTED_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from llmapi_conformance.reference.gateway.core import Core

    Wrapper = Callable[[ASGIApp, Core], ASGIApp]

_TASKS: Final = "/v1/images/tasks"
_NOBODY: Final = f"{_TASKS}/{'0' * 32}"
_HELD_SECONDS: Final = 0.5
_UNSEEN_SECONDS: Final = 0.3
_SHOWN_ANEW: Final = 5
_QUEUED_ANEW: Final = 3
_REPEATED: Final = 4


def _submissions(change: Callable[[dict[str, Any]], None]) -> Wrapper:
    return lambda app, _core: changing_requests(app, lambda seen: operation(seen.scope) == "submit", change)


def _refusals(name: str, change: Callable[[Seen, Whole], None]) -> Wrapper:
    return lambda app, _core: changing_answers(app, when(name, status=bad), change)


def _every_task(change: Callable[[dict[str, Any]], None]) -> Wrapper:
    return lambda app, _core: changing_tasks(app, change)


def _noting_submissions(app: ASGIApp, note: Callable[[str, str], None]) -> ASGIApp:
    """Note the id of each task that is accepted, and the key that submitted it."""

    def note_one(seen: Seen, task: dict[str, Any]) -> None:
        note(str(task.get("id")), seen.scope["state"]["api_key"].secret)

    return changing_task_answers(app, note_one, "submit")


def _as_owner(name: str) -> Wrapper:
    """M06, TK25: any valid image key does with a task what its own key may do."""

    def wrap(app: ASGIApp, core: Core) -> ASGIApp:
        owners: dict[str, str] = {}

        def swap(scope: Scope) -> Scope:
            owner = owners.get(task_id(scope)) if operation(scope) == name else None
            key = key_in(scope, core)
            valid = key is not None and key.platform == "batch" and key.role.condition not in ("disabled", "expired")
            return with_key(scope, owner) if owner is not None and valid else scope

        return rewriting(_noting_submissions(app, owners.__setitem__), swap)

    return wrap


def _running_again(app: ASGIApp, _core: Core) -> ASGIApp:
    """M35, the polls; cancelling what has ended is a habit of the machinery."""
    polls: Counter[str] = Counter()

    def change(_seen: Seen, task: dict[str, Any]) -> None:
        if task.get("status") in FINAL:
            polls[task["id"]] += 1
            if polls[task["id"]] % _SHOWN_ANEW == 0:
                task["status"] = "running"
                for name in ("data", "error", "finished_at"):
                    task.pop(name, None)

    return changing_task_answers(app, change, "detail")


def _late_answer(app: ASGIApp, _core: Core) -> ASGIApp:
    """TK03: the task is told to listeners, but it can't be read before its 202 is sent, and that takes a while."""
    unseen: set[str] = set()

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        if operation(scope) == "detail" and task_id(scope) in unseen:
            scope = {**scope, "path": _NOBODY}
        if operation(scope) != "submit":
            await app(scope, receive, send)
            return
        new: list[str] = []

        async def hold(message: Message) -> None:
            if message["type"] == "http.response.start" and new:
                await asyncio.sleep(_HELD_SECONDS)
                unseen.difference_update(new)
            await send(message)

        def note(name: str, _secret: str) -> None:
            new.append(name)
            unseen.add(name)

        try:
            await _noting_submissions(app, note)(scope, receive, hold)
        finally:
            unseen.difference_update(new)

    return late


def _queued_again(app: ASGIApp, _core: Core) -> ASGIApp:
    """TK04."""
    polls: Counter[str] = Counter()

    def change(_seen: Seen, task: dict[str, Any]) -> None:
        if task.get("status") == "running":
            polls[task["id"]] += 1
            if polls[task["id"]] == _QUEUED_ANEW:
                task["status"] = "queued"
                task.pop("started_at", None)

    return changing_task_answers(app, change, "detail")


def _only_pretends(app: ASGIApp, _core: Core) -> ASGIApp:
    """TK05."""

    async def pretending(scope: Scope, receive: Receive, send: Send) -> None:
        if operation(scope) == "cancel":
            answer = await ask_inside(app, scope, "GET", f"{_TASKS}/{task_id(scope)}")
            task = answer.json()
            if task.get("status") in ACTIVE:
                answer.put({**task, "status": "canceled", "finished_at": int(time.time())})
                await answer.send(send)
                return
        await app(scope, receive, send)

    return pretending


def _first_poll_fails(app: ASGIApp, _core: Core) -> ASGIApp:
    """TK10."""
    fresh: dict[str, float] = {}

    def miss(scope: Scope) -> Scope:
        until = fresh.pop(task_id(scope), 0.0) if operation(scope) == "detail" else 0.0
        return {**scope, "path": _NOBODY} if time.monotonic() < until else scope

    def note(name: str, _secret: str) -> None:
        fresh[name] = time.monotonic() + _UNSEEN_SECONDS

    return rewriting(_noting_submissions(app, note), miss)


def _events_as_id(app: ASGIApp, _core: Core) -> ASGIApp:
    """TK11: a route that takes any id comes first."""
    return rewriting(app, lambda scope: {**scope, "path": _NOBODY} if operation(scope) == "events" else scope)


def _with_status(status: int) -> Callable[[Seen, Whole], None]:
    """TK12."""

    def change(_seen: Seen, answer: Whole) -> None:
        if answer.status == 409:
            answer.status = status
            answer.put({"error": {**answer.json()["error"], "type": "invalid_request_error"}})

    return change


def _no_stream(body: dict[str, Any]) -> None:
    """TK14."""
    if body.get("stream") is True:
        del body["stream"]


def _at_least_one(body: dict[str, Any]) -> None:
    """TK15."""
    count = body.get("n")
    if isinstance(count, int) and not isinstance(count, bool) and count < 1:
        body["n"] = 1


def _other_default(body: dict[str, Any]) -> None:
    """TK17."""
    if body.get("model") is None:
        body["model"] = "gemini-2.5-flash-image"


def _general_keys(app: ASGIApp, core: Core) -> ASGIApp:
    """TK18."""

    def swap(scope: Scope) -> Scope:
        key = key_in(scope, core) if operation(scope) == "submit" else None
        general = key is not None and key.platform != "batch" and key.role.condition is None
        return with_key(scope, core.keys["image:batch"].secret) if general else scope

    return rewriting(app, swap)


def _everybodys_list(app: ASGIApp, _core: Core) -> ASGIApp:
    """TK19."""
    secrets: dict[str, None] = {}

    async def listing(scope: Scope, receive: Receive, send: Send) -> None:
        answer = await ask_inside(app, scope, "GET", _TASKS) if operation(scope) == "list" else None
        if answer is None or answer.status != 200:
            await app(scope, receive, send)
            return
        others = [name for name in secrets if name != secret_in(scope)]
        every = [answer, *[await ask_inside(app, scope, "GET", _TASKS, name) for name in others]]
        tasks = [task for one in every for task in one.json().get("data") or ()]
        tasks.sort(key=lambda task: task["created_at"], reverse=True)
        answer.put({**answer.json(), "data": tasks})
        await answer.send(send)

    return _noting_submissions(listing, lambda _name, secret: secrets.setdefault(secret))


def _forbidden(app: ASGIApp, _core: Core) -> ASGIApp:
    """TK24."""
    known: set[str] = set()

    def change(seen: Seen, answer: Whole) -> None:
        if answer.status == 404 and task_id(seen.scope) in known:
            answer.status = 403
            answer.put({"error": {"type": "permission_error", "message": "The task belongs to another key"}})

    noting = _noting_submissions(app, lambda name, _secret: known.add(name))
    return changing_answers(noting, when("detail", status=bad), change)


def _two_ls(task: dict[str, Any]) -> None:
    """TK27."""
    if task.get("status") == "canceled":
        task["status"] = "cancelled"


def _leak(app: ASGIApp, core: Core) -> ASGIApp:
    """TK29."""
    url = f"{core.settings.upstream_url}/v1/images/generations?key={core.settings.upstream_key}"

    def change(task: dict[str, Any]) -> None:
        if task.get("status") == "failed":
            task["error"]["message"] = f"POST {url} failed"

    return changing_tasks(app, change)


def _no_size(body: dict[str, Any]) -> None:
    """TK32."""
    body.pop("size", None)


def _late_is_failed(task: dict[str, Any]) -> None:
    """TK34."""
    if task.get("status") == "timeout":
        task["status"] = "failed"
        task["error"] = {"code": "upstream_error", "message": "The upstream failed to answer"}


def _no_alias(app: ASGIApp, _core: Core) -> ASGIApp:
    """TK36."""
    alias = "/images/tasks/events"
    return rewriting(app, lambda scope: {**scope, "path": "/images/none"} if scope["path"] == alias else scope)


def _broken_queue(_seen: Seen, answer: Whole) -> None:
    """TK37."""
    if answer.json().get("error", {}).get("code") == "IMAGE_TASK_QUEUE_FULL":
        answer.status = 500
        del answer.headers["retry-after"]
        answer.put({"error": {"type": "api_error", "message": "Internal error"}})


def _last_id_again(app: ASGIApp, _core: Core) -> ASGIApp:
    """TK38."""
    counts: Counter[str] = Counter()
    last: dict[str, str] = {}

    def change(seen: Seen, task: dict[str, Any]) -> None:
        secret = seen.scope["state"]["api_key"].secret
        counts[secret] += 1
        if counts[secret] % _REPEATED == 0:
            task["id"] = task["task_id"] = last[secret]
        last[secret] = task["id"]

    return changing_task_answers(app, change, "submit")


def _some_prompt(body: dict[str, Any]) -> None:
    """TK39."""
    if body.get("prompt") == "":
        body["prompt"] = "a picture"


def _no_reason(_seen: Seen, answer: Whole) -> None:
    """TK42."""
    if answer.status == 400:
        error = answer.json()["error"]
        answer.put({"error": {name: value for name, value in error.items() if name != "code"}})


def _no_account(seen: Seen, answer: Whole) -> None:
    """TK43."""
    texts = {model.id for platform, models in MODELS.items() if platform != "batch" for model in models}
    if answer.json().get("error", {}).get("code") == UNSUPPORTED_MODEL and seen.json().get("model") in texts:
        answer.status = 503
        answer.put({"error": {"type": "api_error", "message": "There is no account that serves this model"}})


def _always_one(_seen: Seen, task: dict[str, Any]) -> None:
    """TK44."""
    if task.get("status") == "succeeded":
        task["n"] = 1


FAULTS: Final[dict[str, Wrapper]] = {
    "M06": _as_owner("detail"),
    "M35": _running_again,
    "TK03": _late_answer,
    "TK04": _queued_again,
    "TK05": _only_pretends,
    "TK10": _first_poll_fails,
    "TK11": _events_as_id,
    "TK12": _refusals("cancel", _with_status(400)),
    "TK14": _submissions(_no_stream),
    "TK15": _submissions(_at_least_one),
    "TK17": _submissions(_other_default),
    "TK18": _general_keys,
    "TK19": _everybodys_list,
    "TK24": _forbidden,
    "TK25": _as_owner("cancel"),
    "TK27": _every_task(_two_ls),
    "TK29": _leak,
    "TK32": _submissions(_no_size),
    "TK34": _every_task(_late_is_failed),
    "TK36": _no_alias,
    "TK37": _refusals("submit", _broken_queue),
    "TK38": _last_id_again,
    "TK39": _submissions(_some_prompt),
    "TK42": _refusals("submit", _no_reason),
    "TK43": _refusals("submit", _no_account),
    "TK44": lambda app, _core: changing_task_answers(app, _always_one, "detail"),
}
