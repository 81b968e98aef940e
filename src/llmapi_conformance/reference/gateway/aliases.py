"""Aliases of standard routes: other paths to the same handlers (F4.1, F4.2, F4.4). What isn't listed is not served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.routing import Route, WebSocketRoute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from starlette.routing import BaseRoute

_OF_RESPONSES: Final = ("/responses", "/backend-api/codex/responses")
ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "/v1/responses": _OF_RESPONSES,
    "/v1/responses/{subpath:path}": tuple(f"{path}/{{subpath:path}}" for path in _OF_RESPONSES),
    "/v1/chat/completions": ("/chat/completions",),
    "/v1/images/generations": ("/images/generations",),
    "/v1/images/edits": ("/images/edits",),
    "/v1/images/tasks": ("/images/tasks",),
    "/v1/images/tasks/events": ("/images/tasks/events",),
    "/v1/images/tasks/{task_id}": ("/images/tasks/{task_id}",),
    "/v1/images/tasks/{task_id}/cancel": ("/images/tasks/{task_id}/cancel",),
}
"""The paths that lead to a standard route too."""
_WITHOUT: Final = (("GET", "/v1/images/tasks"),)
"""Methods of such paths that have no alias: the list of tasks (F4.5)."""


def with_aliases(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Yield each route, and behind it its aliases."""
    for route in routes:
        yield route
        if isinstance(route, Route):
            if any(method in (route.methods or ()) and path == route.path for method, path in _WITHOUT):
                continue
            for alias in ALIASES.get(route.path, ()):
                yield Route(alias, route.endpoint, methods=sorted(route.methods or ()))
        elif isinstance(route, WebSocketRoute):
            for alias in ALIASES.get(route.path, ()):
                yield WebSocketRoute(alias, route.endpoint)


def is_alias(path: str) -> bool:
    """Whether a path is an alias of a standard one, or lies below one."""
    names = (name.partition("/{")[0] for names in ALIASES.values() for name in names)
    return any(path == name or path.startswith(f"{name}/") for name in names)
