"""Two runs against each other: what broke, what was mended, what is no longer observed, what got slower."""

from llmapi_conformance.reporting.comparing.difference import Change, Difference, Kind, compare
from llmapi_conformance.reporting.comparing.speed import Slower, Speeds, compare_speed

__all__ = ["Change", "Difference", "Kind", "Slower", "Speeds", "compare", "compare_speed"]
