"""What a target file names: clauses, operations and surfaces of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.contract.clauses import Basis
from llmapi_conformance.errors import TargetError
from llmapi_conformance.target.parts import PLATFORMS

if TYPE_CHECKING:
    from llmapi_conformance.contract.contract import Contract
    from llmapi_conformance.target.target import Target


def check_names(target: Target, contract: Contract) -> None:
    """See that overrides, objectives and gaps of a target file name things that exist.

    Raises:
        TargetError: One does not, or overrides what can't be overridden.
    """
    for name in target.overrides:
        clause = contract.clauses.get(name)
        if clause is None:
            raise TargetError(f"[overrides] names {name}, which is no clause; see 'llmapi-conformance clauses list'.")
        if clause.basis is not Basis.ASSUMED:
            raise TargetError(
                f"[overrides] names {name}, whose basis is {clause.basis}; only assumed clauses can be overridden, "
                "a waiver is the way for any other."
            )
    known = {operation.id for operation in contract.operations}
    for objective in target.objectives:
        if objective.operation and objective.operation not in known:
            raise TargetError(
                f"[objectives.operations] names {objective.operation}, which is no operation id; write one such as "
                "createMessage."
            )
    known |= {f"{platform} {operation}" for platform in PLATFORMS for operation in known}
    for name in target.not_offered:
        surfaces = {clause.surface for clause in contract.clauses.values()}
        if name not in known and name not in contract.clauses and name not in surfaces:
            raise TargetError(
                f"[not_offered] names {name}, which is no surface, no clause and no operation id; "
                "a platform may stand before an operation id, as in 'general:openai createMessage'."
            )
