"""Reads a target file (TOML) and its keyring; errors name the line and the fix."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from decimal import Decimal
from typing import TYPE_CHECKING

from pydantic import ValidationError

from llmapi_conformance.contract.clauses import Basis, Level
from llmapi_conformance.errors import TargetError
from llmapi_conformance.target.keyring import SHORTEST_KEY, Keyring
from llmapi_conformance.target.parts import (
    CONDITIONS,
    PLATFORMS,
    SURFACES,
    RolePart,
    Secret,
    SpendingPart,
    TargetPart,
    known_keys,
)
from llmapi_conformance.target.prices import Price, Prices, Spending
from llmapi_conformance.target.target import Role, Target, Timeouts
from llmapi_conformance.target.waivers import load_waivers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read_target(path: Path) -> TargetPart:
    """What a target file says, without looking for its keys.

    Raises:
        TargetError: As ``load_target``.
    """
    return _read(path)[1]


def load_target(path: Path, environ: Mapping[str, str] = os.environ) -> tuple[Target, Keyring, dict[str, str]]:
    """Read a target file.

    Returns:
        The target, its keyring, and further secrets (marker name -> value) that stand in its headers.

    Raises:
        TargetError: With the file, the line, what was wrong and how to mend it.
    """
    lines, part = _read(path)
    secrets: dict[str, str] = {}
    keys: dict[str, str] = {}
    roles: dict[str, Role] = {}
    for name, role in part.roles.items():
        key = _key(lines, name, role, environ)
        if key is None:
            continue
        lines.without(key, name)
        keys[name] = key
        headers = _headers(lines, ("roles", name, "headers"), role.headers, environ, secrets)
        roles[name] = Role(name, tuple(role.models), headers)
    if not keys:
        raise TargetError(
            f'{path}: no role has a key, so nothing can be sent; add [roles."general:openai"] with key_env.'
        )
    target = Target(
        name=part.name,
        base_url=part.base_url,
        roles=roles,
        claims=frozenset(Basis(basis) for basis in part.claims),
        offers=frozenset(part.offers),
        not_offered=dict(part.not_offered),
        overrides={clause: Level(level) for clause, level in part.overrides.items()},
        headers=_headers(lines, ("headers",), part.headers, environ, secrets),
        concurrency=part.limits.concurrency,
        rate=part.limits.requests_per_second,
        timeouts=Timeouts(**part.timeouts.model_dump()),
        tasks=part.tasks.terms(),
        body_cap=part.limits.response_bytes,
        body_limit=part.limits.refused_request_bytes,
        ca_file=str((path.parent / part.ca_file).resolve()) if part.ca_file else "",
        upstream_control=part.upstream.control_url if part.upstream else "",
        setup=tuple(part.setup.command) if part.setup else (),
        version=part.version,
        region=part.region,
        waivers=load_waivers(path.parent / part.waivers) if part.waivers else (),
        prices=_prices(part),
        spending=_spending(part.spending),
        wrong_key_pause=part.limits.wrong_key_seconds,
        objectives=part.objectives.objectives(),
    )
    return target, Keyring(keys), secrets


def _prices(part: TargetPart) -> Prices:
    # By its digits: 0.1 is a tenth here, and no binary fraction near it.
    listed = {
        model: Price(Decimal(str(one.input)), Decimal(str(one.output)), Decimal(str(one.image)))
        for model, one in part.prices.items()
    }
    return Prices(listed, part.spending.currency)


def _spending(part: SpendingPart) -> Spending:
    money = None if part.money is None else Decimal(str(part.money))
    return Spending(part.requests, part.input_tokens, part.output_tokens, money)


def _read(path: Path) -> tuple[_Lines, TargetPart]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise TargetError(f"Can't read the target file {path}: {reason}.") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TargetError(f"{path}: not TOML: {error}. Mend that line and try again.") from None
    lines = _Lines(path, text)
    try:
        part = TargetPart.model_validate(data)
    except ValidationError as error:
        raise _first_error(lines, error) from None
    _check_words(lines, part)
    return lines, part


def _check_words(lines: _Lines, part: TargetPart) -> None:
    for basis in part.claims:
        lines.one_of(("claims",), basis, [b.value for b in Basis], "basis")
    for surface in part.offers:
        lines.one_of(("offers",), surface, SURFACES, "surface")
    for clause, level in part.overrides.items():
        lines.one_of(("overrides", clause), level, [known.value for known in Level], "level")
    for role in part.roles:
        platform, *conditions = role.split("+")
        lines.one_of(("roles", role), platform, PLATFORMS, "role")
        for condition in conditions:
            lines.one_of(("roles", role), condition, CONDITIONS, "condition of a role")


def _key(lines: _Lines, name: str, role: RolePart, environ: Mapping[str, str]) -> str | None:
    where = ("roles", name)
    if bool(role.key_env) == bool(role.key_file):
        raise lines.error(where, f"role {name} needs exactly one of key_env and key_file")
    if role.key_env:
        key = environ.get(role.key_env, "").strip()
        if key:
            return key
        if role.optional:
            return None
        raise lines.error(
            (*where, "key_env"),
            f"the environment variable {role.key_env} is not set; export the key of role {name} in it, "
            "or write optional = true to go without that role",
        )
    file = lines.path.parent / role.key_file
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        if role.optional:
            return None
        raise lines.error((*where, "key_file"), f"can't read the key of role {name} from {file}") from None


def _headers(
    lines: _Lines,
    where: tuple[str, ...],
    headers: Mapping[str, str | Secret],
    environ: Mapping[str, str],
    secrets: dict[str, str],
) -> tuple[tuple[str, str], ...]:
    made = []
    for name, value in headers.items():
        if isinstance(value, Secret):
            found = environ.get(value.env, "").strip()
            if not found:
                raise lines.error((*where, name), f"the environment variable {value.env} is not set")
            if len(found) < SHORTEST_KEY:
                raise lines.error(
                    (*where, name),
                    f"the value of {value.env} has {len(found)} characters; a secret needs at least {SHORTEST_KEY}, "
                    "otherwise it can't be kept out of reports. Write it into this file if it is none",
                )
            marker = f"header:{name.lower()}"
            if secrets.get(marker, found) != found:  # another role's
                marker = f"header:{where[1]}:{name.lower()}"
            secrets[marker] = found
            made.append((name, found))
        else:
            made.append((name, value))
    return tuple(made)


class _Lines:
    """Finds the line of a key in TOML text."""

    __slots__ = ("_lines", "_text", "path")

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self._text = text
        self._lines: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        for number, line in enumerate(text.splitlines(), 1):
            if heading := re.fullmatch(r"\s*\[+([^\]]+)\]+\s*(#.*)?", line):
                table = _dotted(heading[1])
                self._lines.setdefault(table, number)
            elif entry := re.match(r"\s*([\w\-.\"':+ ]+?)\s*=", line):
                self._lines.setdefault(table + _dotted(entry[1]), number)

    def of(self, where: tuple[str, ...]) -> int:
        while where and where not in self._lines:
            where = where[:-1]
        return self._lines.get(where, 1)

    def error(self, where: tuple[str, ...], message: str) -> TargetError:
        return TargetError(f"{self.path}, line {self.of(where)}: {message}.")

    def without(self, key: str, role: str) -> None:
        """See that a key does not stand in the file itself, which recordings and reports quote.

        Raises:
            TargetError: It does.
        """
        for number, line in enumerate(self._text.splitlines(), 1):
            if key in line:
                raise TargetError(
                    f"{self.path}, line {number}: the key of role {role} stands in this line, and reports would show "
                    "it. Take it out; a key is named with key_env or key_file."
                )

    def one_of(self, where: tuple[str, ...], word: str, known: list[str] | tuple[str, ...], kind: str) -> None:
        if word in known:
            return
        near = difflib.get_close_matches(word, known, 1)
        hint = f"did you mean {near[0]!r}" if near else f"known: {', '.join(known)}"
        raise self.error(where, f"there is no {kind} {word!r}; {hint}")


def _dotted(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", text.strip()))


def _first_error(lines: _Lines, error: ValidationError) -> TargetError:
    found = error.errors(include_url=False, include_input=False)
    # A misspelt entry is the better explanation of one that is missing.
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    where = tuple(str(step) for step in first["loc"])
    name = where[-1] if where else ""
    match first["type"]:
        case "extra_forbidden":
            known = known_keys(where[:-1])
            near = difflib.get_close_matches(name, known, 1)
            if name == "key":
                return lines.error(where, "a key never stands in a target file; name a variable with key_env instead")
            hint = f"did you mean {near[0]!r}" if near else f"known here: {', '.join(known)}"
            return lines.error(where, f"unknown entry {name!r}; {hint}")
        case "missing":
            return lines.error(where[:-1], f"the entry {name!r} is missing; add it")
        case _:
            message = first["msg"].removeprefix("Value error, ")
            return lines.error(where, f"{'.'.join(where)}: {message[:1].lower()}{message[1:]}")
