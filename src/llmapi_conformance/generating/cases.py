"""Generated cases: requests that nobody wrote down, with what is known of each before it is sent."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Promise = Literal["served", "refused", "refused_assumed", "robust"]
"""What is promised of the answer.

``served``: a documented example or its equal. ``refused``: documents say 4xx (F9.11: wrong type, required member
missing, a documented bound broken). ``refused_assumed``: our reading, where clamping would be legal. ``robust``:
anything but a 5xx, a page or a hang.
"""
Family = Literal[
    "sample",
    "coverage",
    "fuzz",
    "bounds",
    "encoding",
    "media",
    "method",
    "auth",
    "property",
]
"""What made a case.

``sample`` is the correct call itself; ``coverage`` and ``fuzz`` come from the description, ``bounds`` from documented
bounds, ``encoding`` from the same correct body written in other ways, ``media`` from its media types, ``method`` from
methods, ``auth`` from headers beside the key, ``property`` from rules that relate requests.
"""
ID_LENGTH = 12
"""Characters of a case's id."""


@dataclass(frozen=True, slots=True)
class Case:
    """One generated request.

    Attributes:
        operation: Operation id that it is judged as, also where path or method were changed.
        method: As sent.
        target: Path below the target's base URL, with its query, percent-encoded.
        headers: Names and values in their order, Content-Type among them, never a credential. Transfer-Encoding or
            Content-Length among them: framed by the case, and ``body`` is what follows the head, byte for byte.
        body: Exact bytes.
        family: What made it.
        about: What is special about it, in a few words: ``days is 91``.
        promise: What is promised of the answer.
        where: The member, parameter or header that is changed: ``body.messages[0].role``, ``query.days``,
            ``header.content-type``, empty for the whole.
        tokens: Output tokens that its answer may cost, at most.
    """

    operation: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    family: Family
    about: str
    promise: Promise
    where: str = ""
    tokens: int = 0

    @property
    def id(self) -> str:
        """Names the bytes that are sent: equal requests of an operation have equal ids."""
        parts = [self.operation, self.method, self.target, *(f"{name}: {value}" for name, value in self.headers)]
        return hashlib.sha256("\0".join(parts).encode() + b"\0" + self.body).hexdigest()[:ID_LENGTH]

    @property
    def kind(self) -> str:
        """Family and place: cases of one kind test nearly the same."""
        return f"{self.family} {self.where}"

    @property
    def framed(self) -> bool:
        """Whether its own headers say where the body ends, so that it has to be sent byte for byte."""
        return any(name.lower() in {"transfer-encoding", "content-length"} for name, _ in self.headers)

    def header(self, name: str) -> str:
        """The first value of a header, whatever its case, empty when absent."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), "")

    def with_header(self, name: str, value: str | None) -> tuple[tuple[str, str], ...]:
        """Its headers with one of them replaced, or left out for ``None``."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return kept if value is None else (*kept, (name, value))

    def known(self) -> dict[str, Any]:
        """What is known of it, as plain JSON for a scenario's result; the request itself is in the exchange."""
        return {
            "id": self.id,
            "operation": self.operation,
            "family": self.family,
            "about": self.about,
            "promise": self.promise,
            "where": self.where,
        }

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON, the body in Base64."""
        plain = asdict(self)
        return plain | {"headers": [list(pair) for pair in self.headers], "body": base64.b64encode(self.body).decode()}


def case_from_json(plain: Mapping[str, Any]) -> Case:
    """What ``Case.to_json`` was asked for.

    Raises:
        KeyError, TypeError, ValueError: It is not what ``Case.to_json`` makes.
    """
    headers = tuple((str(name), str(value)) for name, value in plain["headers"])
    return Case(**{**plain, "headers": headers, "body": base64.b64decode(plain["body"], validate=True)})


@dataclass(frozen=True, slots=True)
class Order:
    """What a scenario asks of the generator: cases of one operation.

    Attributes:
        sample: A small correct call of the operation at this target, of family ``sample``: its models, its headers, a
            short text without directive, a bounded answer. What is not mutated stays as it is there.
        seed: Decides whatever is drawn.
        count: Cases that are wanted, at most.
        models: Models that the target names for the role, the sample's first.
        families: Only these families, all when empty.
    """

    sample: Case
    seed: int
    count: int
    models: tuple[str, ...] = ()
    families: tuple[str, ...] = ()

    @property
    def operation(self) -> str:
        """Operation id."""
        return self.sample.operation

    @property
    def document(self) -> Any:
        """The sample's body as JSON, a fresh copy; ``None`` where it is not JSON."""
        try:
            return json.loads(self.sample.body)
        except ValueError:
            return None

    def random(self, purpose: str) -> random.Random:
        """A source of chance that depends on seed, operation and purpose alone."""
        return random.Random(f"{self.seed} {self.operation} {purpose}")  # noqa: S311 - reproducible, not secret

    def case(self, about: str, promise: Promise, *, family: Family, where: str = "", **changes: Any) -> Case:
        """The sample with some of its fields changed."""
        return replace(self.sample, about=about, promise=promise, family=family, where=where, **changes)

    def json_case(self, document: Any, about: str, promise: Promise, *, family: Family, where: str = "") -> Case:
        """The sample with another JSON body."""
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        return self.case(about, promise, family=family, where=where, body=body)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "sample": self.sample.to_json(),
            "seed": self.seed,
            "count": self.count,
            "models": list(self.models),
            "families": list(self.families),
        }


def order_from_json(plain: Mapping[str, Any]) -> Order:
    """What ``Order.to_json`` was asked for.

    Raises:
        KeyError, TypeError, ValueError: It is not what ``Order.to_json`` makes.
    """
    return Order(
        case_from_json(plain["sample"]),
        int(plain["seed"]),
        int(plain["count"]),
        tuple(str(model) for model in plain["models"]),
        tuple(str(family) for family in plain["families"]),
    )
