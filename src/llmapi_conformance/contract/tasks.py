"""The life cycle of an image task: which state may follow which, and what else the contract says of tasks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from llmapi_conformance.contract.files import read_yaml
from llmapi_conformance.errors import ContractError
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Platform = Literal["openai", "gemini"]


@dataclass(frozen=True, slots=True)
class TaskState:
    """A state: whether it is final, and what may follow it at once or later.

    Attributes:
        name: As the status of a task has it.
        final: Whether nothing may follow.
        next: States that may follow at once.
        later: States that may follow at once or by way of others.
    """

    name: str
    final: bool
    next: frozenset[str]
    later: frozenset[str]


@dataclass(frozen=True)  # no slots: holds mappings
class TaskContract:
    """What is promised of tasks as data (``specs/tasks.yaml``).

    Attributes:
        initial: States that a task may begin in.
        states: By name.
        object_type: The literal of the member ``object``.
        members: Members that every task has.
        id_pattern: What the ids of the example look like.
        event: Name of every event.
        heartbeat: Text of the comment that keeps a stream of events alive.
        heartbeat_seconds: How often it comes, unless the target states another number.
        default_model: Of a task that names none.
        synonyms: Names that stand for others.
        nicknames: Names that must not be used.
        platforms: Beginning of a model's name -> whose it is.
        default_number: Images of a task that says none.
        default_format: The ``response_format`` of a task that says none.
        forwarded: Members that reach an OpenAI upstream as they are.
        reasons: Reason of a refusal -> its status.
    """

    initial: frozenset[str]
    states: Mapping[str, TaskState]
    object_type: str
    members: tuple[str, ...]
    id_pattern: str
    event: str
    heartbeat: str
    heartbeat_seconds: float
    default_model: str
    synonyms: Mapping[str, str]
    nicknames: tuple[str, ...]
    platforms: Mapping[str, Platform]
    default_number: int
    default_format: str
    forwarded: tuple[str, ...]
    reasons: Mapping[str, int]

    @property
    def final(self) -> frozenset[str]:
        """Names of the final states."""
        return frozenset(name for name, state in self.states.items() if state.final)

    @property
    def active(self) -> frozenset[str]:
        """Names of the states that are not final."""
        return frozenset(self.states) - self.final

    def may_follow(self, earlier: str, later: str) -> bool:
        """Whether a reader who saw one state may see another afterwards; the same one always."""
        return earlier == later or later in self.states[earlier].later

    def model(self, name: str) -> str:
        """The model that a name means."""
        return self.synonyms.get(name, name)

    def platform(self, model: str) -> Platform | None:
        """Whose model it is by its name; ``None`` when the documentation does not say."""
        return next((whose for start, whose in self.platforms.items() if model.startswith(start)), None)


@cache
def task_contract() -> TaskContract:
    """What the tree in use says of tasks.

    Raises:
        ContractError: See ``load_tasks``.
    """
    return load_tasks(tree() / "specs")


def load_tasks(specs: Path) -> TaskContract:
    """Load ``specs/tasks.yaml``.

    Raises:
        ContractError: The file is not valid, or names a state that it does not have.
    """
    path = specs / "tasks.yaml"
    data = read_yaml(path, "tasks")
    direct = {name: frozenset(state["next"]) for name, state in data["states"].items()}
    for name in frozenset(data["initial"]).union(*direct.values()):
        if name not in direct:
            raise ContractError(f"{path}: there is no state {name}; add it or take it out.")
    states = {
        name: TaskState(name, state["final"], direct[name], _reachable(direct, name))
        for name, state in data["states"].items()
    }
    return _contract(data, states)


def _contract(data: Mapping[str, Any], states: Mapping[str, TaskState]) -> TaskContract:
    task, events, models, defaults = data["object"], data["events"], data["models"], data["defaults"]
    return TaskContract(
        initial=frozenset(data["initial"]),
        states=states,
        object_type=task["type"],
        members=tuple(task["members"]),
        id_pattern=task["id_pattern"],
        event=events["name"],
        heartbeat=events["heartbeat"],
        heartbeat_seconds=float(events["every"]),
        default_model=models["default"],
        synonyms=models["synonyms"],
        nicknames=tuple(models["nicknames"]),
        platforms=models["platforms"],
        default_number=defaults["n"],
        default_format=defaults["response_format"],
        forwarded=tuple(data["forwarded"]),
        reasons=data["reasons"],
    )


def _reachable(direct: Mapping[str, frozenset[str]], start: str) -> frozenset[str]:
    found: set[str] = set()
    open_states = [start]
    while open_states:
        for name in direct[open_states.pop()] - found:
            found.add(name)
            open_states.append(name)
    return frozenset(found)
