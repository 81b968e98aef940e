"""What a recording says about its target: everything that judging needs, and no key."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llmapi_conformance.contract.clauses import Basis, Level
from llmapi_conformance.errors import RecordingError
from llmapi_conformance.target.objectives import objectives_document, objectives_of
from llmapi_conformance.target.prices import Price, Prices, Spending
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
        **({"region": target.region} if target.region else {}),
        **_money(target),
        **({"objectives": objectives_document(target.objectives)} if target.objectives else {}),
        "waivers": [asdict(waiver) | {"expires": waiver.expires.isoformat()} for waiver in target.waivers],
    }


def _money(target: Target) -> dict[str, Any]:
    """Prices and limits, where the target file has any; money by its digits."""
    spending = {name: value for name, value in asdict(target.spending).items() if value is not None}
    if not target.prices.models and not spending:
        return {}
    return {
        "currency": target.prices.currency,
        "prices": {
            model: {name: str(value) for name, value in asdict(price).items() if value}
            for model, price in sorted(target.prices.models.items())
        },
        "spending": {name: str(value) if name == "money" else value for name, value in spending.items()},
    }


def _prices(data: Mapping[str, Any]) -> Prices:
    models = {
        model: Price(**{name: Decimal(value) for name, value in price.items()})
        for model, price in data.get("prices", {}).items()
    }
    return Prices(models, str(data.get("currency", "USD")))


def _spending(data: Mapping[str, Any]) -> Spending:
    known: dict[str, Any] = data.get("spending", {})
    money = known.get("money")
    return replace(Spending(**{**known, "money": None}), money=None if money is None else Decimal(money))


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
            region=str(data.get("region", "")),
            prices=_prices(data),
            objectives=objectives_of(data.get("objectives", {})),
            spending=_spending(data),
            waivers=tuple(
                Waiver(**(waiver | {"expires": date.fromisoformat(waiver["expires"])}))
                for waiver in data.get("waivers", ())
            ),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError):
        raise RecordingError(
            "The recording's description of its target is damaged; nothing can be judged by it."
        ) from None
