"""Phases of a period: what they are called, and how long each took."""

from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from time import perf_counter_ns
from typing import Any, Concatenate, Protocol, cast


class Stopwatch:
    """Nanoseconds spent in each phase so far, by the name of its method."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, int] = defaultdict(int)


class _Timed(Protocol):
    stopwatch: Stopwatch


def phase[M: _Timed, **P, R](title: str) -> Callable[[Callable[Concatenate[M, P], R]], Callable[Concatenate[M, P], R]]:
    """Mark a method of a model as a phase with this title; its time is added up on the model's stopwatch."""

    def mark(method: Callable[Concatenate[M, P], R]) -> Callable[Concatenate[M, P], R]:
        name = method.__name__

        @wraps(method)
        def timed(self: M, *args: P.args, **kwargs: P.kwargs) -> R:
            begun = perf_counter_ns()
            result = method(self, *args, **kwargs)
            self.stopwatch.spent[name] += perf_counter_ns() - begun
            return result

        timed.phase_title = title  # type: ignore[attr-defined]
        return cast("Callable[Concatenate[M, P], R]", timed)

    return mark


def phases_of(model: type) -> dict[str, str]:
    """Name of the method -> title of every phase of a class of models, in their order."""
    members: dict[str, Any] = {}
    for cls in reversed(model.__mro__):
        members |= {name: member.phase_title for name, member in vars(cls).items() if hasattr(member, "phase_title")}
    return members


def listed(model: type, stopwatch: Stopwatch | None = None) -> str:
    """The phases of a period in order and, if a stopwatch has run, the milliseconds that each took in all."""
    spent = stopwatch.spent if stopwatch else {}
    lines = []
    for number, (name, title) in enumerate(phases_of(model).items(), start=1):
        took = f"{spent[name] / 1e6:10,.1f} ms" if name in spent else ""
        lines.append(f"{number}. {title:45}{took}".rstrip())
    return "\n".join(lines)
