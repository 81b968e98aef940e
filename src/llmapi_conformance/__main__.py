"""``python -m llmapi_conformance``: the command line tool."""

from llmapi_conformance.cli import app

app()
