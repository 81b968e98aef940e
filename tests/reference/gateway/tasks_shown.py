"""What of each variation of image tasks is seen on the wire; test_variations runs them."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

from tests.reference.gateway.tasking import BATCH, EVENTS, NOBODY, TASKS, Client


def submitted(site: Any) -> set[str]:
    return set(Client(site).ask().json())


def waiting(site: Any) -> list[str]:
    """How a task that waits is told: by its 202, by its detail, in the list, to a listener; and what becomes of it."""
    client = Client(site)
    with client.following() as follower:
        with client.held(), client.held():
            task = client.ask().json()
            told = [task["status"], client.status(task["id"]), client.list()[0]["status"]]
            follower.until(task["id"], "queued")
        client.until(task["id"], "succeeded")
        follower.until(task["id"])
    return [*told, *follower.states(task["id"])]


def results(site: Any) -> list[str]:
    client = Client(site)
    forms = [client.ended(**fields)["data"][0] for fields in ({}, {"response_format": "b64_json"})]
    assert all(client.get(item["url"]).content.startswith(b"\x89PNG") for item in forms if "url" in item)
    return [name for form in forms for name in form]


def stream(site: Any) -> str:
    client = Client(site)
    with client.following() as follower:
        follower.until(client.submit())
        follower.beats(2)
    return str(follower.text)


def states(site: Any) -> list[str]:
    client = Client(site)
    with client.following() as follower:
        task_id = client.submit()
        client.until(task_id)
        follower.beats(2)
        return follower.states(task_id)


def general_stream(site: Any) -> tuple[int, str]:
    """What a general key is answered, and what it hears while a task of an image key lives."""
    with site.client.stream("GET", EVENTS, headers=site.headers("general:openai")) as answer:
        if answer.status_code != 200:
            return answer.status_code, ""
        client = Client(site, site.gateway.keys[BATCH])
        client.ended()
        pieces, text = answer.iter_text(), ""
        while text.count(": heartbeat\n\n") < 2:
            text += next(pieces)
        return answer.status_code, text.replace(": heartbeat\n\n", "")


def canceling(site: Any) -> tuple[int, Any, str, int]:
    client = Client(site)
    task_id = client.submit("@upstream delay=1200ms\nx")
    answer = client.cancel(task_id)
    ended = client.until(task_id)["status"]
    return answer.status_code, answer.json().get("status"), ended, client.cancel(task_id).status_code


def listing(site: Any) -> tuple[set[str], set[str]]:
    client = Client(site)
    client.submit()
    document = client.get(TASKS).json()
    return set(document), set((document.get("data") or document.get("tasks"))[0])


def reason(site: Any) -> Any:
    return Client(site).ask(n=0).json()["error"]


def unknown(site: Any) -> tuple[int, bool]:
    client = Client(site)
    answers = [client.get(f"{TASKS}/{NOBODY}"), client.cancel(NOBODY)]
    assert {answer.status_code for answer in answers} == {404}
    return 404, all(NOBODY in answer.json()["error"]["message"] for answer in answers)


def gaps(site: Any) -> tuple[bool, bool]:
    """Whether heartbeats come at even times, and whether there are other comments."""
    client = Client(site)
    times: list[float] = []
    with client.following() as follower:
        for _ in range(8):
            follower.read(lambda heard: heard.text.count(": heartbeat\n\n") > len(times))
            times.append(time.monotonic())
        others = len(follower.comments) > follower.text.count(": heartbeat\n\n")
    found = sorted(later - earlier for earlier, later in pairwise(times))[1:-1]  # a stall: one long, one short
    return found[-1] < 1.6 * found[0], others


def lateness(site: Any) -> float:
    """Seconds between a task's end and the event of it."""
    client = Client(site)
    with client.following() as follower:
        task_id = client.submit()
        client.until(task_id)
        ended = time.monotonic()
        follower.until(task_id)
    return time.monotonic() - ended


def pictures(site: Any) -> tuple[set[str], str]:
    client = Client(site)
    task_id = client.submit()
    client.until(task_id)
    task = client.get(f"{TASKS}/{task_id}").json()
    return {"data", "images"} & set(task), str((task.get("images") or [""])[0])[:8]


FULL = {"id", "task_id", "object", "status", "model", "n", "created_at"}
# variation -> what is observed, and whether it differs so from the plain gateway
TASKS_SHOWN: dict[str, Any] = {
    "V10": lambda plain, varied: (submitted(plain), submitted(varied)) == (FULL, {"task_id"}),
    "V11": lambda plain, varied: (
        waiting(plain) == [*["queued"] * 4, "running", "succeeded"]
        and waiting(varied) == [*["running"] * 3, "queued", "running", "succeeded"]
    ),
    "V12": lambda plain, varied: (results(plain), results(varied)) == (["b64_json"] * 2, ["url", "b64_json"]),
    "V13": lambda plain, varied: (
        stream(varied).count("\nretry: 2000\nevent: ") + stream(varied).startswith("id: ") >= 3
        and "retry" not in stream(plain)
    ),
    "V14": lambda plain, varied: (
        states(plain) == ["queued", "running", "succeeded"]
        and states(varied) == [s for s in states(plain) for _ in "xx"]
    ),
    "V15": lambda plain, varied: (general_stream(plain), general_stream(varied)) == ((403, ""), (200, "")),
    "V16": lambda plain, varied: (
        canceling(plain) == (200, "canceled", "canceled", 409) and canceling(varied) == (202, None, "canceled", 409)
    ),
    "V17": lambda plain, varied: (
        listing(plain)[0] == {"object", "data", "has_more"}
        and listing(varied) == ({"tasks"}, {"id", "status", "model"})
    ),
    "V18": lambda plain, varied: (
        reason(plain)["code"] == reason(varied)["type"] == "IMAGE_TASK_INVALID_REQUEST" and "code" not in reason(varied)
    ),
    "V19": lambda plain, varied: (unknown(plain), unknown(varied)) == ((404, False), (404, True)),
    "V20": lambda plain, varied: (gaps(plain), gaps(varied)) == ((True, False), (False, True)),
    "V21": lambda plain, varied: lateness(plain) + 1 < lateness(varied),
    "V22": lambda plain, varied: (pictures(plain), pictures(varied)) == (({"data"}, ""), ({"images"}, "https://")),
}
