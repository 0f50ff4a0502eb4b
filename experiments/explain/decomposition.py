"""Exact decompositions of a change, each free of the order in which its parts are taken."""

from collections.abc import Mapping
from math import factorial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def shapley(values: Floats) -> Floats:
    """What each of n switches adds to the outcome, on average over all orders of turning them on (Shapley 1953).

    Args:
        values: the outcome with every combination on, shape (2**n, ...): entry k has those switches on whose bit is set
            in k.

    Returns:
        Shape (n, ...). The parts add up to the outcome with all on, less that with none on.

    Raises:
        ValueError: if the number of combinations is not a power of two.
    """
    n = len(values).bit_length() - 1
    if len(values) != 2**n:
        raise ValueError(f"{len(values)} combinations; a whole number of switches has 2, 4, 8, ...")
    combinations = np.arange(2**n)
    sizes = np.array([int(k).bit_count() for k in combinations])
    orders = np.array([factorial(size) * factorial(n - size - 1) / factorial(n) for size in range(n)])
    parts = []
    for switch in range(n):
        without = combinations[combinations & (1 << switch) == 0]
        gains = values[without | (1 << switch)] - values[without]
        parts.append(np.tensordot(orders[sizes[without]], gains, axes=1))
    return np.array(parts)


def of_product(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What each factor adds to the change of a product of factors, by name; the parts add up to the change.

    Args:
        before: the factors, by name.
        after: the same factors later.
    """
    names = list(before)
    values = np.array(
        [
            np.prod([(after if k >> number & 1 else before)[name] for number, name in enumerate(names)])
            for k in range(2 ** len(names))
        ]
    )
    return dict(zip(names, shapley(values).tolist(), strict=True))


class Rates(NamedTuple):
    """A change of a weighted mean rate: `total = composition + rate`."""

    total: float
    composition: float
    """Because the groups' weights changed."""
    rate: float
    """Because the rates within groups changed."""


def composition_and_rate(weights_before: Floats, before: Floats, weights_after: Floats, after: Floats) -> Rates:
    """Divide the change of a mean rate over groups into composition and rate (Kitagawa 1955).

    Args:
        weights_before: share of each group, shape (groups,), sum 1.
        before: its rate.
        weights_after: the same later.
        after: the same later.
    """
    composition = float((weights_after - weights_before) @ (before + after) / 2)
    rate = float((after - before) @ (weights_before + weights_after) / 2)
    return Rates(composition + rate, composition, rate)


class Turnover(NamedTuple):
    """A change of the mean over members: `total = stayers + joiners + leavers`."""

    total: float
    stayers: float
    """Those who are members at both times changed."""
    joiners: float
    """New members differ from them."""
    leavers: float
    """Former members differed from them."""


def turnover(was: NDArray[np.bool_], before: Floats, now: NDArray[np.bool_], after: Floats) -> Turnover:
    """Divide the change of the members' mean by who stayed, joined and left.

    The dynamic Olley-Pakes decomposition (Melitz & Polanec 2015) with equal weights: joiners are held against stayers
    of their own time, leavers against those of theirs.

    Args:
        was: who was a member, shape (people,).
        before: the value of each person then.
        now: who is a member.
        after: the value of each person now.

    Raises:
        ValueError: if nobody is a member at both times.
    """
    stayed = was & now
    if not stayed.any():
        raise ValueError("nobody is a member at both times")
    stayers_before, stayers_after = before[stayed].mean(), after[stayed].mean()
    joiners = float(after[now].mean() - stayers_after)
    leavers = float(stayers_before - before[was].mean())
    stayers = float(stayers_after - stayers_before)
    return Turnover(stayers + joiners + leavers, stayers, joiners, leavers)


def persisters(excess_lapse: float, relative_risk: float) -> float:
    """Risk of those who stay, relative to all before, when so many more leave whose relative risk is this.

    Claims are conserved (Dukes & MacDonald 1980).
    """
    return (1 - excess_lapse * relative_risk) / (1 - excess_lapse)
