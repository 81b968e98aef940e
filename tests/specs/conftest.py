"""What the tests of the contract data share: the documents under `specs/`, read strictly."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pytest
import yaml

Document = dict[str, Any]


class _StrictLoader(yaml.SafeLoader):
    """A YAML loader that refuses a key which stands twice; plain YAML keeps the last one without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 (PyYAML's signature)
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Document:
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)
    assert isinstance(document, dict), f"{path.name} holds no mapping"
    return document


@pytest.fixture(scope="session")
def specs() -> Path:
    return Path(__file__).parents[2] / "specs"


@pytest.fixture(scope="session")
def facts(specs: Path) -> dict[str, Document]:
    return {fact["number"]: fact for fact in read_yaml(specs / "facts.yaml")["facts"]}


@pytest.fixture(scope="session")
def sources(specs: Path) -> Document:
    return read_yaml(specs / "sources.yaml")


@pytest.fixture(scope="session")
def exclusions(specs: Path) -> dict[str, Document]:
    return {entry["fact"]: entry for entry in read_yaml(specs / "exclusions.yaml")["exclusions"]}


@pytest.fixture(scope="session")
def clause_files(specs: Path) -> dict[str, Document]:
    return {path.stem: read_yaml(path) for path in sorted((specs / "clauses").glob("*.yaml"))}


@pytest.fixture(scope="session")
def clauses(clause_files: dict[str, Document]) -> list[Document]:
    return [clause for document in clause_files.values() for clause in document["clauses"]]


@pytest.fixture(scope="session")
def access(specs: Path) -> Document:
    return read_yaml(specs / "access.yaml")


@pytest.fixture(scope="session")
def operations(specs: Path) -> dict[str, Document]:
    """Every operation of the OpenAPI description by its id, with its `method` and `path`."""
    found: dict[str, Document] = {}
    files = {f"openapi/{path.name}": read_yaml(path) for path in (specs / "openapi").glob("*.yaml")}
    for path, reference in read_yaml(specs / "openapi.yaml")["paths"].items():
        for method, operation in files[reference["$ref"].partition("#")[0]]["paths"][path].items():
            assert operation["operationId"] not in found, f"{operation['operationId']} stands twice"
            found[operation["operationId"]] = {**operation, "method": method.upper(), "path": path}
    return found
