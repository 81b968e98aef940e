"""Run migrations on the connection that ``history.database`` has opened and locked."""

from alembic import context

from llmapi_conformance.history.database import VERSIONS
from llmapi_conformance.history.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSIONS,
    render_as_batch=True,
)
context.run_migrations()
