"""How the agents of the documentation run headless: a session with one tool call, telemetry and updates off."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

TOOL_SAID = "The tool said so."
"""What the tool of a session prints, and so what the agent says at its end."""
_SCRIPT = "printf 'It works:\\n@upstream echo\\n" + TOOL_SAID + "\\n'"
"""The first line is for agents that put a word of theirs before what a tool prints."""


@dataclass(frozen=True, slots=True)
class Session:
    """One headless session.

    Attributes:
        arguments: Of the agent's command.
        environment: With the key in it: not in a command line.
    """

    arguments: list[str]
    environment: dict[str, str] = field(default_factory=dict)


def session_of(agent: str, case: str, *, base_url: str, key: str, model: str, home: Path) -> Session:
    """How an agent is started; writes the settings that it reads into its home.

    Args:
        agent: ``claude``, ``codex`` or ``gemini``.
        case: ``session``, or ``session_websocket`` for Codex.
        base_url: Of the gateway, or of what stands before it.
        key: For the environment.
        model: What it asks for.
        home: Its own home; temporary.
    """
    if agent == "claude":
        return _claude(base_url, key, model)
    if agent == "codex":
        return _codex(base_url, key, model, home, websocket=case == "session_websocket")
    return _gemini(base_url, key, model, home)


def prompt(tool: str, arguments: dict[str, Any]) -> str:
    """What the upstream is told: call this tool of the agent's with these arguments."""
    encoded = base64.urlsafe_b64encode(json.dumps(arguments).encode()).decode().rstrip("=")
    return f"@upstream tool_calls=1 tool={tool} arguments={encoded}"


def _claude(base_url: str, key: str, model: str) -> Session:
    asked = prompt("Bash", {"command": _SCRIPT, "description": "Say it"})
    off = ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_TELEMETRY", "DISABLE_AUTOUPDATER")
    return Session(
        ["-p", asked, "--allowedTools", "Bash", "--model", model],
        {"ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_API_KEY": key, "DISABLE_ERROR_REPORTING": "1"}
        | dict.fromkeys(off, "1"),
    )


def _codex(base_url: str, key: str, model: str, home: Path, *, websocket: bool) -> Session:
    settings = home / ".codex"
    settings.mkdir()
    (settings / "config.toml").write_text(
        f"""model = "{model}"
model_provider = "gateway"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.gateway]
name = "gateway"
base_url = "{base_url}/v1"
env_key = "GATEWAY_KEY"
wire_api = "responses"
supports_websockets = {str(websocket).lower()}
""",
        "utf-8",
    )
    asked = prompt("exec_command", {"cmd": _SCRIPT})
    # Its own sandbox asks for kernel features that a container may lack; what it runs is the script above.
    open_doors = "--dangerously-bypass-approvals-and-sandbox"
    return Session(
        ["exec", "--skip-git-repo-check", open_doors, "--disable", "plugins", "--disable", "apps", asked],
        {"CODEX_HOME": str(settings), "GATEWAY_KEY": key},
    )


def _gemini(base_url: str, key: str, model: str, home: Path) -> Session:
    settings = home / ".gemini"
    settings.mkdir()
    chosen = {
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"enableAutoUpdate": False},
        "telemetry": {"enabled": False},
        "security": {"auth": {"selectedType": "gemini-api-key"}},
    }
    (settings / "settings.json").write_text(json.dumps(chosen), "utf-8")
    asked = prompt("run_shell_command", {"command": _SCRIPT})
    return Session(
        ["--skip-trust", "--approval-mode", "yolo", "-m", model, "-p", asked],
        {"GEMINI_API_KEY": key, "GOOGLE_GEMINI_BASE_URL": base_url},
    )
