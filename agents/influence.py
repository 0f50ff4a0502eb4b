"""Influence: behavioural rules of a user, one column each.

A rule says how much more or less cover is worth to each person in a period, from what it can see of the people as the
last period left them: who around them is a member, who fell ill. It fills a column of factors before anybody decides,
so the order in which people decide never matters, and the crowd and Mesa agents read the same numbers.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agents.context import Context
from agents.population import Population

NONE: NDArray[np.float32] = np.empty(0, dtype=np.float32)
"""What decisions read where there is no rule."""


class Rule(Protocol):
    """A behavioural rule: writes into `factor` what each person's willingness to pay is multiplied by."""

    def __call__(self, population: Population, context: Context, factor: NDArray[np.float32]) -> None:
        """Fill `factor`, shape (people,); it holds what it held after the last period, and 1 at first.

        Args:
            population: the people; not to be changed.
            context: what everybody can see in this period.
            factor: the rule's own column.
        """


class Influence:
    """The columns of some rules, and their product."""

    def __init__(self, rules: Sequence[Rule], people: int) -> None:
        self.rules = list(rules)
        self.columns = [np.ones(people, dtype=np.float32) for _ in rules]

    def of_period(self, population: Population, context: Context) -> NDArray[np.float32]:
        """The factor of each person in this period, shape (people,), or (0,) if there is no rule.

        Raises:
            ValueError: if a rule writes a factor that is negative or no number.
        """
        if not self.rules:
            return NONE
        for rule, column in zip(self.rules, self.columns, strict=True):
            rule(population, context, column)
            if not (column >= 0).all():
                name = getattr(rule, "__name__", type(rule).__name__)
                raise ValueError(f"rule {name} wrote {column[~(column >= 0)][0]}; allowed: factors from 0 on")
        return np.asarray(np.prod(self.columns, axis=0, dtype=np.float32))
