"""`python -m llmapi_conformance.reference`."""

from __future__ import annotations

import sys

from llmapi_conformance.reference.serve import main

sys.exit(main())
