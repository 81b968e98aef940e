"""What of each fault of image tasks is seen on the wire; test_faults runs them."""

from __future__ import annotations

import threading
import time
from typing import Any

from tests.reference.gateway.tasking import BATCH, EVENTS, NOBODY, OTHER, SECOND, TASKS, Client, fresh, sizes

GENERAL = "general:openai"
PAIR = [["queued", "running", "succeeded"]] * 2


def refused(site: Any, **fields: Any) -> tuple[int, str | None]:
    answer = Client(site).ask(**fields)
    return answer.status_code, answer.json().get("error", {}).get("code")


def accepted(site: Any, **fields: Any) -> int:
    return Client(site).ask(**fields).status_code


def model(site: Any, name: str | None) -> list[str]:
    """The model that the answer, the detail and the events show."""
    client = Client(site)
    with client.following() as follower:
        submitted = client.ask(model=name, size=None).json()
        told = follower.until(submitted["id"])
    return [submitted["model"], client.until(submitted["id"])["model"], told["model"], told["status"]]


def foreign(site: Any, way: str, below: str = "") -> list[int]:
    """What the second key and the other tenant's key are answered on a task that runs, and on none."""
    mine = Client(site, site.gateway.keys[BATCH])
    with mine.held() as task_id:
        return [
            site.client.request(way, f"{TASKS}/{name}{below}", headers=site.headers(role)).status_code
            for name in (task_id, NOBODY)
            for role in (SECOND, OTHER)
        ]


def eight(site: Any) -> list[str]:
    """How many of eight tasks have not ended when the others have, for a reader and for a listener."""
    client = Client(site)
    with client.following() as follower:
        ids = [client.submit() for _ in range(8)]
        follower.read(lambda heard: sum("succeeded" in heard.states(task_id) for task_id in ids) >= 7)
        follower.beats(1)
        told = [follower.states(task_id)[-1] for task_id in ids]
    read = [client.status(task_id) for task_id in ids]
    return [f"{states.count('running')} running" for states in (read, told)]


def after_the_end(site: Any) -> tuple[list[str], int, str]:
    client = Client(site)
    task_id = client.submit()
    client.until(task_id)
    polls = [client.status(task_id) for _ in range(4)]
    return polls, client.cancel(task_id).status_code, client.status(task_id)


def charges(site: Any, words: str) -> int:
    client = Client(site)
    client.ended(f"@upstream usage=5,6 {words}\nx")
    return client.booked()[0]


def heard(site: Any, *words: str) -> list[list[str]]:
    """The states of some tasks that a listener hears."""
    client = Client(site)
    with client.following() as follower:
        ids = [client.submit(f"@upstream delay=20ms {word}\nx") for word in words]
        for task_id in ids:
            client.until(task_id)
        follower.beats(2)
        return [follower.states(task_id) for task_id in ids]


def of_another_key(site: Any) -> list[int]:
    mine = Client(site, site.gateway.keys[BATCH])
    found = []
    for role in (SECOND, OTHER):
        other = Client(site, site.gateway.keys[role])
        with mine.following() as follower:
            task_id = other.submit()
            other.until(task_id)
            follower.beats(2)
        found.append(len(follower.states(task_id)))
    return found


def told_before_answered(site: Any) -> tuple[int, bool]:
    """What a reader is answered as soon as a listener has heard of a task, and whether the 202 took long."""
    client, nonce = Client(site), fresh("late")
    took: list[float] = []

    def submit() -> None:
        started = time.monotonic()
        client.submit(f"@upstream nonce={nonce} delay=700ms\nx")
        took.append(time.monotonic() - started)

    with client.following() as follower:
        thread = threading.Thread(target=submit)
        thread.start()
        follower.read(lambda heard: heard.tasks)
        status = client.get(f"{TASKS}/{follower.tasks[0]['id']}").status_code
        thread.join()
    client.until(follower.tasks[0]["id"])
    return status, took[0] > 0.4


def polls(site: Any) -> list[str]:
    client = Client(site)
    with client.held() as task_id:
        return [client.status(task_id) for _ in range(4)]


def canceled(site: Any) -> tuple[str, str, bool]:
    """What cancelling answers, what becomes of the task, and whether the upstream's work was ended."""
    client, nonce = Client(site), fresh("cancel")
    task_id = client.submit(f"@upstream delay=300ms nonce={nonce}\nx")
    while not site.upstream_saw(nonce):
        time.sleep(0.01)
    said = client.cancel(task_id).json()["status"]
    ended = client.until(task_id)["status"]
    time.sleep(0.1)
    return said, ended, site.upstream_saw(nonce)[0].disconnected


def beats(site: Any) -> int:
    """How many comments a quiet stream brings; a task tells when it is time to stop."""
    client = Client(site)
    with client.following() as follower:
        follower.until(client.submit("@upstream delay=500ms\nx"))
        return min(2, len(follower.comments))


def snapshots(site: Any) -> list[str]:
    client = Client(site)
    client.ended()
    with client.held() as task_id:
        client.until(task_id, "running")
        with client.following() as follower:
            client.until(client.submit())
            follower.beats(2)
            shown = [task["status"] for task in follower.tasks]
            return shown[:-3]


def swapped(site: Any) -> list[bool]:
    """Whether each of two tasks that run at once has the picture of its own prompt."""
    client, token = Client(site), fresh("swap")
    prompts = [f"@upstream hold-until={token}\n{name}" for name in "ab"]
    ids = [client.submit(prompt) for prompt in prompts]
    for task_id in ids:
        client.until(task_id, "running")
    site.release(token)
    drawn = [client.until(task_id)["data"] for task_id in ids]
    own = [client.ended(prompt)["data"] for prompt in prompts]
    return [drawn[0] == own[0], drawn[1] == own[1], drawn[0] == own[1]]


def first_polls(site: Any) -> list[int]:
    client = Client(site)
    task_id = client.submit()
    return [client.get(f"{TASKS}/{task_id}").status_code for _ in range(2)]


def events_or_not(site: Any, path: str, role: str = BATCH) -> tuple[int, str]:
    with site.client.stream("GET", path, headers=site.headers(role)) as answer:
        return answer.status_code, answer.headers["content-type"].partition(";")[0]


def cancel_ended(site: Any) -> int:
    client = Client(site)
    return client.cancel(client.ended()["id"]).status_code


def listed(site: Any) -> bool:
    """Whether the list holds the task of another tenant."""
    mine, theirs = Client(site), Client(site)
    mine.submit()
    task_id = theirs.submit()
    return task_id in [task["id"] for task in mine.list()]


def two_listeners(site: Any) -> list[list[str]]:
    client = Client(site)
    with client.following() as first, client.following() as second:
        task_id = client.submit()
        client.until(task_id)
        for follower in (first, second):
            follower.beats(2)
        return [first.states(task_id), second.states(task_id)]


def left(site: Any) -> str:
    """What becomes of a task whose listener leaves."""
    client = Client(site)
    task_id = client.submit("@upstream delay=500ms\nx")
    with client.following() as follower:
        follower.until(task_id, "running")
    return str(client.until(task_id)["status"])


def counted(site: Any) -> bool:
    client = Client(site)
    first, second = (int(client.submit(), 16) for _ in range(2))
    return second == first + 1


def revived(site: Any) -> tuple[str, str]:
    client = Client(site)
    task_id = client.submit("@upstream delay=200ms\nx")
    client.cancel(task_id)
    before = client.status(task_id)
    client.until(client.submit("@upstream delay=400ms\nx"))
    return before, client.status(task_id)


def spelled(site: Any) -> list[str]:
    client = Client(site)
    with client.following() as follower:
        task_id = client.submit("@upstream delay=500ms\nx")
        said = client.cancel(task_id).json()["status"]
        follower.beats(2)
        told = follower.states(task_id)[-1]
    return [said, client.status(task_id), told]


def data_lines(site: Any) -> bool:
    """Whether the data of each event is one line."""
    client = Client(site)
    with client.following() as follower:
        follower.until(client.submit())
        return follower.text.count("data: ") == len(follower.tasks)


def names(site: Any) -> set[str]:
    client = Client(site)
    with client.following() as follower:
        follower.until(client.submit())
        return set(follower.names)


def leaks(site: Any) -> bool:
    text = str(Client(site).ended("@upstream status=500\nx"))
    return site.upstream.provider_key in text and site.upstream.base_url in text


def tries(site: Any) -> int:
    nonce = fresh("try")
    Client(site).ended(f"@upstream status=500 nonce={nonce}\nx")
    return len(site.upstream_saw(nonce))


def ends(site: Any, words: str) -> list[Any]:
    task = Client(site).ended(f"@upstream {words}\nx")
    return [task["status"], task.get("data")]


def queue(site: Any) -> tuple[int, bool]:
    """What is answered when there is no room: two tasks run and twelve wait."""
    client, token = Client(site), fresh("full")
    for _ in range(14):
        client.submit(f"@upstream hold-until={token}\nx")
    answer = client.ask()
    for task in client.list():
        client.cancel(task["id"])
    return answer.status_code, "retry-after" in answer.headers


def repeated(site: Any) -> int:
    client = Client(site)
    return len({client.submit() for _ in range(5)})


def open_after_the_end(site: Any) -> bool:
    client = Client(site)
    with client.following() as follower:
        follower.until(client.submit())
        try:
            follower.beats(2)
        except StopIteration:
            return False
        return True


def counts(site: Any) -> list[int]:
    """The n of an ended task by its last event, by its detail, and in the list."""
    client = Client(site)
    with client.following() as follower:
        told = follower.until(client.submit(n=2))
    return [told["n"], client.read(told["id"])["n"], client.list()[0]["n"]]


def cancel_queued(site: Any) -> list[int]:
    client = Client(site)
    with client.held() as running, client.held(), client.held() as waiting:
        return [client.cancel(task_id).status_code for task_id in (waiting, running)]


# fault -> what is observed, what the conforming gateway shows, what the faulty one shows
TASK_PROOFS: dict[str, tuple[Any, Any, Any]] = {
    "M06": (lambda site: foreign(site, "GET"), [404] * 4, [200, 200, 404, 404]),
    "M34": (eight, ["0 running"] * 2, ["1 running"] * 2),
    "M35": (
        after_the_end,
        (["succeeded"] * 4, 409, "succeeded"),
        (["succeeded"] * 3 + ["running"], 200, "canceled"),
    ),
    "B1": (lambda site: charges(site, "status=500"), 0, 1),
    "TK01": (lambda site: heard(site, "", ""), PAIR, [PAIR[0], ["queued", "running"]]),
    "TK02": (of_another_key, [0, 0], [3, 0]),
    "TK03": (told_before_answered, (200, False), (404, True)),
    "TK04": (polls, ["running"] * 4, ["running", "running", "queued", "running"]),
    "TK05": (canceled, ("canceled", "canceled", True), ("canceled", "succeeded", False)),
    "TK07": (beats, 2, 0),
    "TK08": (snapshots, ["running"], ["succeeded", "running"]),
    "TK09": (swapped, [True, True, False], [False, False, True]),
    "TK10": (first_polls, [200, 200], [404, 200]),
    "TK11": (
        lambda site: [events_or_not(site, path) for path in (EVENTS, EVENTS.removeprefix("/v1"))],
        [(200, "text/event-stream")] * 2,
        [(404, "application/json")] * 2,
    ),
    "TK12": (cancel_ended, 409, 400),
    "TK13": (lambda site: heard(site, "")[0], PAIR[0], ["queued", "succeeded"]),
    "TK14": (
        lambda site: refused(site, stream=True),
        (400, "IMAGE_TASK_UNSUPPORTED_FEATURE"),
        (202, None),
    ),
    "TK15": (lambda site: [accepted(site, n=n) for n in (0, -3)], [400, 400], [202, 202]),
    "TK16": (
        lambda site: model(site, "image2"),
        [*["gpt-image-2"] * 3, "succeeded"],
        [*["image2"] * 3, "succeeded"],
    ),
    "TK17": (
        lambda site: model(site, None),
        [*["gpt-image-2"] * 3, "succeeded"],
        [*["gemini-2.5-flash-image"] * 3, "succeeded"],
    ),
    "TK18": (
        lambda site: [
            Client(site, site.gateway.keys[GENERAL]).ask().status_code,
            events_or_not(site, EVENTS, GENERAL)[0],
        ],
        [403, 403],
        [202, 403],
    ),
    "TK19": (listed, False, True),
    "TK20": (snapshots, ["running"], []),
    "TK21": (two_listeners, PAIR, [[], PAIR[0]]),
    "TK22": (left, "succeeded", "canceled"),
    "TK23": (counted, False, True),
    "TK24": (lambda site: foreign(site, "GET"), [404] * 4, [403, 403, 404, 404]),
    "TK25": (lambda site: foreign(site, "POST", "/cancel"), [404] * 4, [200, 409, 404, 404]),
    "TK26": (revived, ("canceled", "canceled"), ("canceled", "succeeded")),
    "TK27": (spelled, ["canceled"] * 3, ["cancelled"] * 3),
    "TK28": (data_lines, True, False),
    "TK29": (leaks, False, True),
    "TK30": (tries, 1, 2),
    "TK31": (lambda site: len(Client(site).ended(n=3)["data"]), 3, 1),
    "TK32": (lambda site: sizes(Client(site).ended())[0], (64, 64), (1024, 1024)),
    "TK33": (lambda site: charges(site, ""), 1, 2),
    "TK34": (lambda site: ends(site, "status=504"), ["timeout", None], ["failed", None]),
    "TK35": (lambda site: ends(site, "status=500"), ["failed", None], ["succeeded", []]),
    "TK36": (
        lambda site: [events_or_not(site, path)[0] for path in (EVENTS, EVENTS.removeprefix("/v1"))],
        [200, 200],
        [200, 404],
    ),
    "TK37": (queue, (429, True), (500, False)),
    "TK38": (repeated, 5, 4),
    "TK39": (lambda site: [accepted(site, prompt=text) for text in ("", None)], [400, 400], [202, 400]),
    "TK40": (names, {"image_task.updated"}, {"task.updated"}),
    "TK41": (open_after_the_end, True, False),
    "TK42": (lambda site: refused(site, n=0), (400, "IMAGE_TASK_INVALID_REQUEST"), (400, None)),
    "TK43": (
        lambda site: [accepted(site, model=name) for name in ("gpt-5.1", "nano-banana")],
        [400, 400],
        [503, 400],
    ),
    "TK44": (counts, [2, 2, 2], [2, 1, 2]),
    "TK45": (cancel_queued, [200, 200], [409, 200]),
}
