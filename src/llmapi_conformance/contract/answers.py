"""What the OpenAPI description says of answers: statuses, media types, headers, and schemas compiled once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urldefrag, urljoin

import jsonschema_rs

from llmapi_conformance.contract.files import read_yaml
from llmapi_conformance.errors import ContractError
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ROOT: Final = "https://description.invalid/"
_METHODS: Final = ("get", "put", "post", "delete", "patch", "head", "options")
_NULL: Final = {"type": "null"}
_LONGEST: Final = 160
_LARGEST: Final = 10**300
"""Beyond it all whole numbers are alike to a schema."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """A place where a value is not as its schema says.

    Attributes:
        where: Path of the member, such as ``choices[0].index``; empty for the value itself.
        problem: What is wrong there, in the validator's words.
    """

    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}" if self.where else self.problem


@dataclass(frozen=True)  # no slots: the compiled validator is cached on the instance
class Schema:
    """A schema of the description.

    A member that need not be there may be ``null`` as well: servers differ in that, and no source forbids it.

    Attributes:
        content: The schema.
        documents: All files by URI.
    """

    content: Any
    documents: Documents

    def complaints(self, value: Any) -> tuple[Complaint, ...]:
        """What is wrong with a JSON value, empty when it fits."""
        value = _sayable(value)
        if self._validator.is_valid(value):
            return ()
        return tuple(dict.fromkeys(_complaint(error) for error in self._validator.iter_errors(value)))

    @cached_property
    def _validator(self) -> Any:
        return jsonschema_rs.validator_for(
            self.content if isinstance(self.content, dict) else {"allOf": [self.content]},
            registry=self.documents.registry,
        )


@dataclass(frozen=True, slots=True)
class EventShape:
    """What one event of a stream looks like.

    Attributes:
        frame: Of the object that has its name under ``event``, when it has one, and its text under ``data``.
        data: Of the JSON document in its data; ``None`` when nothing is said.
    """

    frame: Schema
    data: Schema | None


@dataclass(frozen=True, slots=True)
class DescribedHeader:
    """A response header.

    Attributes:
        name: As described.
        required: Whether each answer has it.
        schema: Of its value, a string.
    """

    name: str
    required: bool
    schema: Schema


@dataclass(frozen=True)  # no slots: holds mappings
class DescribedAnswer:
    """An answer with one status.

    Attributes:
        status: The status.
        headers: What is said of its headers.
        documents: Schema of the body by media type, event streams aside.
        events: Schema of an event, ``None`` where no event stream is described.
    """

    status: int
    headers: tuple[DescribedHeader, ...]
    documents: Mapping[str, Schema]
    events: EventShape | None

    @property
    def media_types(self) -> tuple[str, ...]:
        """The media types that its body may have; empty when it has none."""
        return (*self.documents, *(("text/event-stream",) if self.events else ()))


@dataclass(frozen=True)  # no slots: holds mappings
class DescribedOperation:
    """All answers of an operation.

    Attributes:
        operation: Operation id.
        method: Of its requests, in upper case.
        answers: By status.
        server_message: Schema of what a gateway sends over the operation's WebSocket, ``None`` where it opens none.
    """

    operation: str
    method: str
    answers: Mapping[int, DescribedAnswer]
    server_message: Schema | None = None


@dataclass(frozen=True)  # no slots: caches
class Documents:
    """The files of the description, by URI.

    Attributes:
        by_uri: Their content, references written out, members that are not required made nullable.
    """

    by_uri: Mapping[str, Any]

    @cached_property
    def registry(self) -> Any:
        """What validators resolve references with."""
        return jsonschema_rs.Registry(list(self.by_uri.items()), draft=jsonschema_rs.Draft202012)

    def resolved(self, node: Any) -> Any:
        """A node, references followed.

        Raises:
            ContractError: A reference leads nowhere.
        """
        while isinstance(node, dict) and "$ref" in node:
            uri, pointer = urldefrag(node["$ref"])
            try:
                target = self.by_uri[uri]
                for step in pointer.strip("/").split("/"):
                    target = target[unquote(step).replace("~1", "/").replace("~0", "~")]
            except (KeyError, TypeError):
                raise ContractError(f"specs/openapi.yaml: {node['$ref'].removeprefix(_ROOT)} leads nowhere.") from None
            node = target
        return node


@cache
def described_answers() -> Mapping[str, DescribedOperation]:
    """What the tree in use says, by operation id.

    Raises:
        ContractError: See ``load_answers``.
    """
    return load_answers(tree() / "specs")


def load_answers(specs: Path) -> dict[str, DescribedOperation]:
    """Load the answers of ``specs/openapi.yaml``.

    Raises:
        ContractError: A file is missing, or a reference leads nowhere.
    """
    files = {path.relative_to(specs).as_posix(): path for path in (specs / "openapi").glob("*.yaml")}
    files["openapi.yaml"] = specs / "openapi.yaml"
    documents = Documents({_ROOT + name: _lenient(read_yaml(path), _ROOT + name) for name, path in files.items()})
    found: dict[str, DescribedOperation] = {}
    for item in documents.by_uri[f"{_ROOT}openapi.yaml"]["paths"].values():
        for method, operation in documents.resolved(item).items():
            if method in _METHODS:
                found[operation["operationId"]] = _operation(documents, method, operation)
    return found


def _operation(documents: Documents, method: str, operation: Mapping[str, Any]) -> DescribedOperation:
    answers = {
        int(status): _answer(documents, int(status), documents.resolved(answer))
        for status, answer in operation["responses"].items()
    }
    socket = operation.get("x-websocket", {})
    server = Schema(socket["server"], documents) if "server" in socket else None
    return DescribedOperation(operation["operationId"], method.upper(), answers, server)


def _answer(documents: Documents, status: int, answer: Mapping[str, Any]) -> DescribedAnswer:
    bodies = {media.lower(): body["schema"] for media, body in answer.get("content", {}).items() if "schema" in body}
    stream = bodies.pop("text/event-stream", None)
    headers = {name: documents.resolved(header) for name, header in answer.get("headers", {}).items()}
    return DescribedAnswer(
        status=status,
        headers=tuple(
            DescribedHeader(name, header.get("required", False), Schema(header.get("schema", True), documents))
            for name, header in headers.items()
        ),
        documents={media: Schema(schema, documents) for media, schema in bodies.items()},
        events=_events(documents, stream) if stream is not None else None,
    )


def _events(documents: Documents, schema: Any) -> EventShape:
    """The shape of an event, whose data is text with a schema for the JSON in it under ``contentSchema``."""
    data = documents.resolved(documents.resolved(schema).get("properties", {}).get("data", {}))
    branches = [data, *data.get("oneOf", ())] if isinstance(data, dict) else []
    content = next((branch["contentSchema"] for branch in branches if "contentSchema" in branch), None)
    return EventShape(Schema(schema, documents), Schema(content, documents) if content is not None else None)


def _lenient(node: Any, base: str) -> Any:
    """A copy in which references are absolute, members that are not required may be null, and a null is no choice."""
    if isinstance(node, list):
        return [_lenient(item, base) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: _lenient(value, base) for name, value in node.items()}
    if isinstance(node.get("$ref"), str):
        made["$ref"] = urljoin(base, node["$ref"])
    properties = made.get("properties")
    if isinstance(properties, dict):
        required = made.get("required", ())
        made["properties"] = {
            name: value if name in required or value is True else {"anyOf": [_NULL, value]}
            for name, value in properties.items()
        }
    for word in ("oneOf", "anyOf"):
        branches = made.get(word)
        if isinstance(branches, list) and all(isinstance(one, dict) and one.keys() == {"required"} for one in branches):
            made[word] = [{**one, "properties": {name: {"not": _NULL} for name in one["required"]}} for one in branches]
    return made


def _sayable(value: Any) -> Any:
    """A JSON value that can be quoted: no half of a surrogate pair, no number of thousands of digits."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_sayable(name): _sayable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_sayable(item) for item in value]
    if isinstance(value, int) and abs(value) > _LARGEST:
        return _LARGEST if value > 0 else -_LARGEST
    return value


def _complaint(error: Any) -> Complaint:
    """What an error says; of alternatives, what is wrong with the one that was meant."""
    while branches := [branch for branch in _alternatives(error) if branch]:
        meant: list[Any] = max(branches, key=_closeness)
        error = max(meant, key=_depth)
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
    problem = error.message if len(error.message) <= _LONGEST else f"{error.message[:_LONGEST]}..."
    return Complaint(where.removeprefix("."), problem)


def _alternatives(error: Any) -> list[list[Any]]:
    """The errors of each alternative but null, which nobody meant."""
    branches: list[list[Any]] = getattr(error.kind, "context", None) or []
    return [branch for branch in branches if not any(_wants_null(one) for one in branch)]


def _wants_null(error: Any) -> bool:
    return list(error.schema_path)[-1:] == ["type"] and 'of type "null"' in error.message


def _closeness(branch: list[Any]) -> tuple[bool, int]:
    """How likely an alternative was meant: literals tell alternatives apart, and a deep error is a small one."""
    return not any(list(one.schema_path)[-1:] == ["const"] for one in branch), max(map(_depth, branch))


def _depth(error: Any) -> int:
    return len(error.instance_path)
