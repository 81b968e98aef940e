"""Many runs side by side: clause x run, as one HTML page and as Markdown."""

from llmapi_conformance.reporting.matrix.page import matrix_html
from llmapi_conformance.reporting.matrix.table import Matrix, matrix_markdown, matrix_of

__all__ = ["Matrix", "matrix_html", "matrix_markdown", "matrix_of"]
