"""API keys: roles, the keyring, and whose key it is (F2.1 to F2.8)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

Platform = Literal["openai", "anthropic", "gemini", "antigravity", "batch"]
Condition = Literal["second_key", "other_tenant", "disabled", "expired", "exhausted", "rate_limited", "no_images"]

KEY_PREFIX: Final = "sk-llmapi-"
_BASES: Final[dict[str, Platform]] = {
    "general:openai": "openai",
    "general:anthropic": "anthropic",
    "general:gemini": "gemini",
    "general:antigravity": "antigravity",
    "image:batch": "batch",
}
_QUOTA_USD: Final = 100.0


@dataclass(frozen=True, slots=True)
class Role:
    """What a key is: its base (`general:openai`, `image:batch`, ...), the platform behind it, at most one condition."""

    base: str
    platform: Platform
    condition: Condition | None = None

    def __str__(self) -> str:
        """The role as a target file writes it, for example `general:openai+expired`."""
        return self.base if self.condition is None else f"{self.base}+{self.condition}"


def role_named(text: str) -> Role:
    """Read a role.

    Raises:
        ValueError: There is no such role.
    """
    base, plus, condition = text.partition("+")
    known = get_args(Condition)
    if base not in _BASES:
        raise ValueError(f"unknown role {text!r}: the part before the plus is one of {', '.join(_BASES)}")
    if plus and condition not in known:
        raise ValueError(f"unknown role {text!r}: the part after the plus is one of {', '.join(known)}")
    if condition == "no_images" and base != "general:openai":
        raise ValueError(f"unknown role {text!r}: only general:openai has a form without images")
    return Role(base, _BASES[base], cast("Condition", condition) if plus else None)


def all_roles() -> tuple[Role, ...]:
    """Every role of the reference gateway, plain roles first."""
    plain = [Role(base, platform) for base, platform in _BASES.items()]
    conditioned = [
        Role(role.base, role.platform, condition)
        for role in plain
        for condition in get_args(Condition)
        if condition != "no_images" or role.platform == "openai"
    ]
    return (*plain, *conditioned)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key.

    Attributes:
        secret: What the client presents; never printed.
        role: What the key is.
        tenant: Whose it is: keys of one tenant share a wallet.
        quota_usd: The key's own quota, or None for a key that draws on the wallet.
        spent_usd: What was spent of the quota before the gateway started.
    """

    secret: str = field(repr=False)
    role: Role
    tenant: str
    quota_usd: float | None = None
    spent_usd: float = 0.0

    @property
    def platform(self) -> Platform:
        """The platform of the key's group."""
        return self.role.platform


class Keyring:
    """All keys of one gateway; a condition that is unheeded leaves its keys like any other."""

    def __init__(self, unheeded: frozenset[Condition] = frozenset()) -> None:
        self._unheeded = unheeded
        self._keys: dict[str, ApiKey] = {}

    def find(self, secret: str) -> ApiKey | None:
        """Return the key whose secret is exactly this one."""
        return self._keys.get(secret)

    def issue(self, role: Role, tenant: str, secret: str | None = None) -> ApiKey:
        """Make a key of a role for a tenant and keep it; without a secret it gets a new one."""
        exhausted = role.condition == "exhausted"
        limited = role.condition in ("second_key", "exhausted", "rate_limited")
        if role.condition in self._unheeded:
            role = Role(role.base, role.platform)
        key = ApiKey(
            secret=secret or KEY_PREFIX + secrets.token_hex(24),
            role=role,
            tenant=tenant,
            quota_usd=_QUOTA_USD if limited else None,
            spent_usd=_QUOTA_USD if exhausted else 0.0,
        )
        self._keys[key.secret] = key
        return key

    def issue_all(self, given: Mapping[str, str] = MappingProxyType({})) -> dict[str, ApiKey]:
        """Make one key of each role, with the secret that is given for it or a new one.

        `+other_tenant` belongs to another tenant than the rest.
        """
        return {
            str(role): self.issue(
                role, "tenant-b" if role.condition == "other_tenant" else "tenant-a", given.get(str(role))
            )
            for role in all_roles()
        }

    def issue_fresh(self, role: Role) -> ApiKey:
        """Make a further key of a role: a tenant, and so a wallet, of its own, but for `+second_key`."""
        tenant = "tenant-a" if role.condition == "second_key" else f"tenant-{secrets.token_hex(4)}"
        return self.issue(role, tenant)
