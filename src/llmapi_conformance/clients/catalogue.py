"""Which clients there are, in which versions, and what is run of each: ``specs/clients.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmapi_conformance.contract.files import read_yaml
from llmapi_conformance.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Case:
    """What is run of a client.

    Attributes:
        name: The function of its script, or the kind of session of an agent.
        clause: The clause that says it works.
        surface: The part of the API that it needs.
        value: What kind of value it tells when it works; empty when it ought to raise.
        raises: A class that what it raises must be one of; empty when it ought to tell a value.
        status: The HTTP status that the exception knows; 0 for any.
        requests: How many requests it must have sent; 0 for any number.
    """

    name: str
    clause: str
    surface: str
    value: str = ""
    raises: str = ""
    status: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Client:
    """One version of a client.

    Attributes:
        family: ``openai-python``.
        version: As its registry knows it.
        registry: ``pypi`` or ``npm``.
        package: Its name there, extras included.
        role: The role whose key it uses.
        cases: What is run of it.
        script: Its script under ``fixtures/clients``; empty for an agent.
        agent: How it is run headless (``clients.agents``); empty for a library.
        orders: What its script is told besides.
    """

    family: str
    version: str
    registry: str
    package: str
    role: str
    cases: tuple[Case, ...]
    script: str = ""
    agent: str = ""
    orders: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Unique: ``openai-python-3.57.0``."""
        return f"{self.family}-{self.version}"

    @property
    def install(self) -> str:
        """The command that installs it, for people."""
        if self.registry == "pypi":
            return f"pip install '{self.package}=={self.version}'"
        return f"npm install {self.package}@{self.version}"


def load_clients(specs: Path) -> tuple[Client, ...]:
    """Every version of every client, in the order of the file.

    Raises:
        ContractError: The file is not valid.
    """
    return tuple(
        _client(row, version)
        for row in read_yaml(specs / "clients.yaml", "clients")["clients"]
        for version in row["versions"]
    )


def chosen(clients: Iterable[Client], words: Iterable[str]) -> tuple[Client, ...]:
    """The clients that one of the words names: a family, or a family and version; all when there is no word.

    Raises:
        TargetError: A word names none.
    """
    known, wanted = tuple(clients), tuple(words)
    for word in wanted:
        if not any(word in (one.family, one.name) for one in known):
            names = ", ".join(one.name for one in known)
            raise TargetError(f"There is no client {word!r}; choose a family, or one of {names}.")
    return tuple(one for one in known if not wanted or one.family in wanted or one.name in wanted)


def _client(row: Mapping[str, Any], version: str) -> Client:
    return Client(
        family=row["id"],
        version=version,
        registry=row["registry"],
        package=row["package"],
        role=row["role"],
        cases=tuple(Case(name, **case) for name, case in row["cases"].items()),
        script=row.get("script", ""),
        agent=row.get("agent", ""),
        orders=tuple(row.get("orders", {}).items()),
    )
