"""Regulator: watches, criticises, orders.

The real one was China's banking and insurance regulator: it ended the insurance phase in November 2018, called the
platforms unlicensed from September 2020 on, and made them close in 2021 and 2022. It spoke on dated occasions; what
that did to trust is the members' part.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import mesa


class Regulator(mesa.Agent):  # type: ignore[misc]
    """Speaks when the record says so; its words cost the platform trust."""

    if TYPE_CHECKING:
        model: Any

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.statements: list[str] = []

    def speak(self, kinds_and_words: Iterable[tuple[str, str]]) -> float:
        """Criticise as the events of the period say; returns the share of trust that is lost."""
        words = [what for kind, what in kinds_and_words if kind == "regulator"]
        self.statements += words
        return len(words) * float(self.model.scenario.regulator_impact)

    def orders_closing(self, kinds: Iterable[str]) -> bool:
        """Whether the pool has to close."""
        return bool(self.model.scenario.closing) and "closing" in set(kinds)
