"""Orders as a scenario gives them, without a gateway."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fixtures.generated import operations, roles, sample_of, share
from llmapi_conformance.generating.cases import Order

MODELS = {
    "general:openai": ("gpt-5.1", "gpt-5.1-mini"),
    "general:anthropic": ("claude-sonnet-4-5",),
    "general:gemini": ("gemini-2.5-flash",),
    "general:antigravity": ("gemini-3-pro",),
    "image:batch": ("gpt-image-2", "gemini-2.5-flash-image"),
}


def order(operation: str, *, seed: int = 1, count: int = 20) -> Order:
    """An order for an operation at a target with these models."""
    role = roles()[operation]
    known = {name: SimpleNamespace(models=models) for name, models in MODELS.items()}
    target = SimpleNamespace(roles=known, tasks=SimpleNamespace(list_path="/v1/images/tasks"))
    session: Any = SimpleNamespace(role=role, models=MODELS[role], model=MODELS[role][0], target=target)
    described = operations()[operation]
    return Order(sample_of(session, described), seed, share(described, count), MODELS[role])
