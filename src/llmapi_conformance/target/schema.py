"""JSON Schemas of target and waivers files, for editors and the reference; made of the models that read these files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import GenerateJsonSchema

from llmapi_conformance.contract.clauses import Basis, Level
from llmapi_conformance.target.parts import CONDITIONS, PLATFORMS, SURFACES, TargetPart
from llmapi_conformance.target.waivers import WaiversPart

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_core import core_schema


class _ForToml(GenerateJsonSchema):
    """TOML has no null: what may be omitted is omitted. Titles would only repeat the names."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        made = super().default_schema(schema)
        return {name: value for name, value in made.items() if name != "default" or value is not None}

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - for no field at all
        return False


def target_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a target file, with the words that only the reader of the file checks."""
    made = _schema(TargetPart)
    entries = made["properties"]
    entries["claims"]["items"]["enum"] = [basis.value for basis in Basis]
    entries["offers"]["items"]["enum"] = list(SURFACES)
    entries["overrides"]["additionalProperties"]["enum"] = [level.value for level in Level]
    entries["roles"]["propertyNames"] = {"pattern": rf"^({'|'.join(PLATFORMS)})(\+({'|'.join(CONDITIONS)}))*$"}
    made["$defs"]["RolePart"]["oneOf"] = [{"required": ["key_env"]}, {"required": ["key_file"]}]
    made["$defs"]["PricePart"]["minProperties"] = 1
    return made


def waivers_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a waivers file."""
    return _schema(WaiversPart)


SCHEMAS: Final[dict[str, Callable[[], dict[str, Any]]]] = {"target": target_schema, "waivers": waivers_schema}
"""By the kind of file."""


def _schema(model: type[TargetPart | WaiversPart]) -> dict[str, Any]:
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **model.model_json_schema(schema_generator=_ForToml),
    }
