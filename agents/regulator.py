"""Regulator: watches, criticises, orders.

It speaks on dated occasions, which are the pool's; what that does to trust is the members' part.
"""

from collections.abc import Iterable

import mesa


class Regulator(mesa.Agent):  # type: ignore[misc]
    """Speaks when the record says so; its words cost the platform trust.

    Args:
        model: the Mesa model it acts in.
        impact: share of trust that one statement costs.
        closes: whether it makes the pool close when the record says so.
    """

    def __init__(self, model: mesa.Model, *, impact: float, closes: bool) -> None:
        super().__init__(model)
        self.impact = impact
        self.closes = closes
        self.statements: list[str] = []

    def speak(self, words: list[str]) -> float:
        """Criticise in these words; returns the share of trust that is lost."""
        self.statements += words
        return len(words) * self.impact

    def orders_closing(self, kinds: Iterable[str]) -> bool:
        """Whether the pool has to close, given the kinds of what happens in a period."""
        return self.closes and "closing" in set(kinds)
