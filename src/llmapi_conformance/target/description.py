"""What a recording says about its target: everything that judging needs, and no key."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from llmapi_conformance.contract.clauses import Basis, Level
from llmapi_conformance.errors import RecordingError
from llmapi_conformance.target.target import Role, Target, TaskTerms
from llmapi_conformance.target.waivers import Waiver

if TYPE_CHECKING:
    from collections.abc import Mapping


def describe(target: Target) -> dict[str, Any]:
    """A target as plain JSON, in a stable order; header values and paths of this machine are left out."""
    return {
        "name": target.name,
        "base_url": target.base_url,
        "claims": sorted(basis.value for basis in target.claims),
        "offers": sorted(target.offers),
        "not_offered": dict(sorted(target.not_offered.items())),
        "overrides": {clause: level.value for clause, level in sorted(target.overrides.items())},
        "roles": {name: list(role.models) for name, role in sorted(target.roles.items())},
        "concurrency": target.concurrency,
        "body_limit": target.body_limit,
        "sandwich": target.sandwich,
        "tasks": asdict(target.tasks),
        "version": target.version,
        "waivers": [asdict(waiver) | {"expires": waiver.expires.isoformat()} for waiver in target.waivers],
    }


def described(data: Mapping[str, Any]) -> Target:
    """A target as a recording describes it; good for judging, not for sending.

    Raises:
        RecordingError: The description is not one that ``describe`` makes.
    """
    try:
        return Target(
            name=data["name"],
            base_url=data["base_url"],
            roles={name: Role(name, tuple(models)) for name, models in data["roles"].items()},
            claims=frozenset(Basis(basis) for basis in data["claims"]),
            offers=frozenset(data["offers"]),
            not_offered=dict(data["not_offered"]),
            overrides={clause: Level(level) for clause, level in data["overrides"].items()},
            concurrency=int(data["concurrency"]),
            body_limit=int(data["body_limit"]),
            tasks=TaskTerms(**data.get("tasks", {})),  # recordings before version 1.2 have none
            upstream_control="recorded" if data["sandwich"] else "",
            version=str(data.get("version", "")),
            waivers=tuple(
                Waiver(**(waiver | {"expires": date.fromisoformat(waiver["expires"])}))
                for waiver in data.get("waivers", ())
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RecordingError(
            "The recording's description of its target is damaged; nothing can be judged by it."
        ) from None
