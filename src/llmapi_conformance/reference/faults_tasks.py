"""Faults of image tasks."""

from __future__ import annotations

from typing import Final

from llmapi_conformance.reference.fault import Fault

_SUBMITTED: Final = "a submitted task"
_EVENTS: Final = "a stream of task events"
_FOREIGN: Final = "the id of a task of another image key"

TASK_FAULTS: Final = (
    # Of the catalogue of real defects.
    Fault(
        "M06",
        "any valid image key reads any task by its id",
        ("litellm#17401", "litellm#33536", "Fooocus-API#113"),
        _FOREIGN,
        ("TASK-D03", "TASK-D04"),
    ),
    Fault(
        "M34",
        "one task in eight stays running for ever",
        ("midjourney-proxy#217",),
        "every eighth task of a key that would end",
        ("TASK-L11",),
    ),
    Fault(
        "M35",
        "a task that has ended is shown running again; cancelling it makes it canceled",
        ("Pixelle-Video#96", "huggingface_hub#4164"),
        "every fifth poll after the end; cancelling after the end",
        ("TASK-L05", "TASK-C04", "TASK-E16", "TASK-L19", "TASK-L20"),
    ),
    Fault("B1", "a failed task is charged", ("new-api#2050",), "a task whose upstream fails", ("TASK-C07",)),
    # Submitting.
    Fault("TK14", "stream true is accepted", (), "a task with stream true", ("TASK-P12", "TASK-P22")),
    Fault("TK15", "n below 1 counts as 1", (), "such an n", ("TASK-P10", "TASK-P20")),
    Fault("TK16", "image2 stays image2", (), "a task of image2", ("TASK-P06",)),
    Fault("TK17", "the default model is another one", (), "a task without model", ("TASK-P05",)),
    Fault(
        "TK18",
        "a general key submits, as if it were an image key",
        (),
        "a plain general key",
        ("TASK-P03", "ACC-D01"),
    ),
    Fault("TK31", "one image comes, however many were asked for", ("sub2api#1994",), "n above 1", ("TASK-L10",)),
    Fault("TK32", "size is dropped", ("sub2api#7119", "sub2api#6120"), "a task with size", ("TASK-P15", "TASK-L10")),
    Fault("TK37", "a full queue is answered with 500", (), "one task more than may wait", ("TASK-P24",)),
    Fault("TK39", "an empty prompt is accepted", (), "a prompt of no characters", ("TASK-P08", "TASK-P20")),
    Fault(
        "TK42",
        "invalid requests are refused without a reason",
        (),
        "a request for a task that is answered with 400",
        ("TASK-P20", "TASK-P21", "TASK-P22"),
    ),
    Fault("TK43", "a text model is refused with 503", ("sub2api#1475",), "a text model", ("TASK-P04", "TASK-P21")),
    # The life of a task.
    Fault(
        "TK04",
        "a running task is shown as queued again",
        ("huggingface_hub#4164",),
        "the third poll that finds it running",
        ("TASK-L04",),
    ),
    Fault(
        "TK09",
        "a task shows the images of another one of its key",
        (),
        "two alike tasks of a key that run at once and end together",
        ("TASK-L14",),
    ),
    Fault("TK23", "ids are counted", (), _SUBMITTED, ("TASK-L17",)),
    Fault(
        "TK26",
        "a cancelled task is revived",
        ("open-ai-canvas#477",),
        "submit, cancel, submit with one key",
        ("TASK-L05", "TASK-C03", "TASK-E06", "TASK-E16", "TASK-L19"),
    ),
    Fault("TK27", "canceled is spelled cancelled", (), "a cancelled task", ("TASK-L03", "TASK-L19", "TASK-L20")),
    Fault(
        "TK29",
        "a failed task shows the upstream's URL with the provider key",
        ("sub2api#5650", "litellm#6963"),
        "a task whose upstream fails",
        ("TASK-L15",),
    ),
    Fault("TK30", "a failed task is tried once more", (), "a task whose upstream fails", ("TASK-L21",)),
    Fault("TK33", "a success is charged twice", (), "a task that succeeds", ("TASK-L16",)),
    Fault("TK34", "a timeout is told as failed", (), "a task whose upstream takes too long", ("TASK-L08",)),
    Fault(
        "TK35",
        "a task whose upstream fails succeeds without images",
        (),
        "a task whose upstream fails",
        ("TASK-L07", "TASK-L10"),
    ),
    Fault(
        "TK38",
        "the last id is given again",
        (),
        "every fourth task of a key",
        ("TASK-L13", "TASK-L07", "TASK-C07", "TASK-E03", "TASK-L20"),
    ),
    # Reading.
    Fault(
        "TK10",
        "a new task is not found",
        ("new-api#5182", "agnes-video-generator#26"),
        "the first poll, within 300 ms after the 202",
        ("TASK-L09", "TASK-L20"),
    ),
    Fault("TK19", "the list holds the tasks of all keys", (), "the list", ("TASK-D06",)),
    Fault("TK24", "a foreign id is answered with 403", (), _FOREIGN, ("TASK-D03", "TASK-D04")),
    Fault(
        "TK44",
        "the detail has another n than the event",
        (),
        "a task of several images",
        ("TASK-D01", "TASK-D08", "TASK-L10"),
    ),
    # Cancelling.
    Fault(
        "TK05",
        "cancelling only pretends: the task goes on to its end",
        ("open-ai-canvas#477",),
        "cancelling an active task",
        ("TASK-C02", "TASK-C03", "TASK-L05", "TASK-L19", "TASK-L20"),
    ),
    Fault("TK12", "cancelling a finished task is a 400", (), "cancelling after the end", ("TASK-C04", "TASK-L20")),
    Fault(
        "TK25",
        "a foreign task can be cancelled",
        ("litellm#17401",),
        _FOREIGN,
        ("TASK-C06", "TASK-D04"),
    ),
    Fault(
        "TK45",
        "cancelling a queued task is a 409",
        (),
        "cancelling a task that waits",
        ("TASK-C09", "TASK-L20"),
    ),
    # Events.
    Fault("TK01", "the end of a task is not told", (), "every second task of a key", ("TASK-E08",)),
    Fault(
        "TK02", "events of the tenant's other keys come too", (), f"{_EVENTS} of a tenant with two keys", ("TASK-E04",)
    ),
    Fault(
        "TK03",
        "the event comes long before the 202, and until then there is no such task",
        ("agnes-video-generator#26",),
        f"{_SUBMITTED}, for half a second",
        ("TASK-D09",),
    ),
    Fault("TK07", "there is no heartbeat", (), _EVENTS, ("TASK-E09",)),
    Fault(
        "TK08",
        "finished tasks are among the snapshots",
        (),
        "the beginning of such a stream",
        ("TASK-E06", "TASK-E13", "TASK-L20"),
    ),
    Fault(
        "TK11",
        "the path of the events is taken for a task id",
        (),
        "GET /images/tasks/events, with /v1 or without",
        ("TASK-E15", "ALI-P07", "ACC-A01", "TASK-P25"),
    ),
    Fault("TK13", "no event says that a task runs", (), "a task that starts while one listens", ("TASK-E08",)),
    Fault("TK20", "there are no snapshots", (), "the beginning of such a stream", ("TASK-E05", "TASK-E13", "TASK-L20")),
    Fault(
        "TK21",
        "a second listener takes the place of the first",
        (),
        "two streams of a key at once",
        ("TASK-E12", "TASK-E03", "TASK-E08"),
    ),
    Fault(
        "TK22",
        "a listener that leaves cancels the key's tasks",
        (),
        "the end of such a stream",
        ("TASK-E14", "TASK-L08", "TASK-L20"),
    ),
    Fault("TK28", "an event is spread over several data lines", (), _EVENTS, ("TASK-E10",)),
    Fault("TK36", "the events have no alias", (), "GET /images/tasks/events", ("ALI-R05", "ALI-P01")),
    Fault("TK40", "the event is named task.updated", (), _EVENTS, ("TASK-E07",)),
    Fault("TK41", "the stream is closed when a task has ended", (), "the first end that is told", ("TASK-E17",)),
)
