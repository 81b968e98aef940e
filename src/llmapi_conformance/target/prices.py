"""What models cost, and what a run may spend: money in the currency that the target file names."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs.

    Attributes:
        input: A million tokens that it reads.
        output: A million tokens that it writes.
        image: An image that it makes, on top of its tokens.
    """

    input: Decimal = Decimal(0)
    output: Decimal = Decimal(0)
    image: Decimal = Decimal(0)

    def of(self, input_tokens: int, output_tokens: int, images: int) -> Decimal:
        """What so much costs."""
        return (self.input * input_tokens + self.output * output_tokens) / MILLION + self.image * images


@dataclass(frozen=True, slots=True)
class Prices:
    """The price list of a target.

    Attributes:
        models: Model -> its price; empty when the target file names none.
        currency: Of all of them.
    """

    models: Mapping[str, Price] = field(default_factory=dict)
    currency: str = "USD"

    def highest(self, models: Iterable[str]) -> Price:
        """The most that any of these models costs; where one has no price, the most that any of the list costs."""
        asked = list(models)
        known = [self.models[model] for model in asked if model in self.models]
        if not asked or len(known) < len(asked):
            known = list(self.models.values())
        return Price(
            max((one.input for one in known), default=Decimal(0)),
            max((one.output for one in known), default=Decimal(0)),
            max((one.image for one in known), default=Decimal(0)),
        )


@dataclass(frozen=True, slots=True)
class Spending:
    """What one run may spend at most; ``None`` where the profile decides, and no limit for money.

    Attributes:
        requests: Requests to the gateway.
        input_tokens: Tokens that models read.
        output_tokens: Tokens that models write.
        money: In the currency of the prices.
    """

    requests: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    money: Decimal | None = None
