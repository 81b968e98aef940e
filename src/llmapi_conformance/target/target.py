"""A target: the gateway under test, as its TOML file describes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmapi_conformance.contract.clauses import Basis, Level
from llmapi_conformance.target.prices import Prices, Spending

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmapi_conformance.target.objectives import Objective
    from llmapi_conformance.target.waivers import Waiver


@dataclass(frozen=True, slots=True)
class Role:
    """A key as the target knows it.

    Attributes:
        name: ``general:openai``, with conditions after a plus.
        models: Names of text models that this key may call, the one to use first.
        headers: Further request headers for this role only.
    """

    name: str
    models: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines in seconds.

    Attributes:
        connect: Until the connection stands.
        first_byte: Until the response head is there.
        idle: Between two reads of a body.
        total: For a whole exchange.
    """

    connect: float = 5.0
    first_byte: float = 60.0
    idle: float = 60.0
    total: float = 180.0


@dataclass(frozen=True, slots=True)
class TaskTerms:
    """What a target states about asynchronous image tasks; what it leaves open is not judged.

    Attributes:
        heartbeat: Seconds between two heartbeats of the event stream (F7.28).
        end: Seconds that the suite waits for the end of a task.
        timeout: Seconds after which the gateway gives a running task up; 0 when it does not say.
        running: Tasks of one key that run at once; 0 when it does not say.
        waiting: Tasks of one key that may wait for a place; 0 when it does not say.
        list_path: Path of the list, which no page names (tension C5).
    """

    heartbeat: float = 15.0
    end: float = 300.0
    timeout: float = 0.0
    running: int = 0
    waiting: int = 0
    list_path: str = "/v1/images/tasks"


@dataclass(frozen=True, slots=True)
class Target:
    """A gateway under test; holds no key.

    Attributes:
        name: What reports call it.
        base_url: Scheme, host, port and an optional path prefix, without a trailing slash.
        roles: Roles that there is a key for.
        claims: Which clauses the gateway promised to keep, by their basis.
        offers: Surfaces that it offers.
        not_offered: Surface, operation id, clause id, or platform and operation id -> the reason why it is not offered.
        overrides: Clause id -> the level it has here; ``assumed`` clauses only.
        headers: Further request headers.
        concurrency: Requests under way at once, at most.
        rate: Requests started per second, at most; 0 means no limit.
        timeouts: Deadlines.
        tasks: What it states about image tasks.
        body_cap: Bytes of a response body that are read, at most.
        body_limit: Bytes of a request body that the gateway promises to refuse; 0 when it promises none.
        ca_file: Certificates to trust, empty for the system's.
        upstream_control: Control URL of our upstream behind the gateway, empty when another provider is there.
        gateway_control: Control URL of our reference gateway, empty for any other.
        setup: Command that prepares the target before the run, empty for none.
        version: Of the gateway, as the target file states it; empty when it does not.
        region: Where this one of several stands; empty when the target file does not say.
        waivers: Findings that somebody has decided to live with.
        prices: What its models cost.
        spending: What one run may spend.
        wrong_key_pause: Seconds between two requests without a good key; ``None`` where the profile decides.
        objectives: What the vendor states of its speed and reliability.
    """

    name: str
    base_url: str
    roles: Mapping[str, Role]
    claims: frozenset[Basis] = frozenset(Basis)
    offers: frozenset[str] = frozenset()
    not_offered: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, Level] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    concurrency: int = 8
    rate: float = 0.0
    timeouts: Timeouts = Timeouts()
    tasks: TaskTerms = TaskTerms()
    body_cap: int = 32 * 1024 * 1024
    body_limit: int = 0
    ca_file: str = ""
    upstream_control: str = ""
    gateway_control: str = ""
    setup: tuple[str, ...] = ()
    version: str = ""
    region: str = ""
    waivers: tuple[Waiver, ...] = ()
    prices: Prices = field(default_factory=Prices)
    spending: Spending = field(default_factory=Spending)
    wrong_key_pause: float | None = None
    objectives: tuple[Objective, ...] = ()

    def gap(self, role: str, operation: str) -> str:
        """Why an operation is not offered to a role; empty when it is.

        ``"general:openai createMessage"`` under ``[not_offered]`` speaks of the keys of one platform: some gateways do
        not convert one protocol into another.
        """
        for name in (operation, f"{role.partition('+')[0]} {operation}"):
            if name in self.not_offered:
                return self.not_offered[name]
        return ""

    @property
    def sandwich(self) -> bool:
        """Whether our upstream is behind the gateway, so that prompts may carry directives."""
        return bool(self.upstream_control)
