"""Luck with an address: every draw is a pure function of (seed, stream, person, period).

Nobody's luck depends on who else exists, on the order of a loop or on the number of threads, so two scenarios
with the same seed differ by the rule that was changed and by nothing else.

The hash is the finaliser of SplitMix64 (Steele, Lea & Flood 2014) applied to the seed and stream, then to the
person, then to the period.
"""

from zlib import crc32

import numpy as np

from agents.compute.compiled import compiled, compiled_inline

STREAMS = (
    "body",  # age, sex, chronic illness, credit score
    "traits",  # frailty, premium, adoption, attention
    "health",  # each transition of the health chain
    "death",
    "kind",  # what the illness is
    "clock",  # when a person next hears, notices or reconsiders
    "join",
    "conceal",
    "stay",
    "file",  # whether an illness becomes a claim
    "lag",  # from diagnosis to filing
    "review",  # what the reviewer finds
    "takeover",
    "group",  # whether a group, such as an employer, enrols the person
)
"""The named decisions. A new one goes at the end or anywhere else: a stream's numbers come from its name alone."""

_CODES = {name: np.uint64(crc32(name.encode())) for name in STREAMS}
if len(set(_CODES.values())) != len(STREAMS):
    raise ImportError("two streams of luck share a hash; rename one of them")

BODY = _CODES["body"]
TRAITS = _CODES["traits"]
HEALTH = _CODES["health"]
DEATH = _CODES["death"]
KIND = _CODES["kind"]
CLOCK = _CODES["clock"]
JOIN = _CODES["join"]
CONCEAL = _CODES["conceal"]
STAY = _CODES["stay"]
FILE = _CODES["file"]
LAG = _CODES["lag"]
REVIEW = _CODES["review"]
TAKEOVER = _CODES["takeover"]
GROUP = _CODES["group"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_PERIOD = np.uint64(0xD1B54A32D192ED03)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


@compiled_inline
def mix(x: np.uint64) -> np.uint64:
    """The finaliser of SplitMix64: one 64-bit word to another, every bit depending on every bit."""
    x = (x ^ (x >> _S30)) * _MIX1
    x = (x ^ (x >> _S27)) * _MIX2
    return x ^ (x >> _S31)


@compiled_inline
def bits(seed: int, stream: np.uint64, person: int, period: int) -> np.uint64:
    """64 random bits for this address. `period` may also count what happens to a person once each."""
    key = mix(mix(np.uint64(seed) + _GOLDEN) + stream * _GOLDEN)
    return mix(mix(key + np.uint64(person) * _GOLDEN) + np.uint64(period) * _PERIOD)


@compiled_inline
def draw(seed: int, stream: np.uint64, person: int, period: int) -> float:
    """A uniform number strictly between 0 and 1 for this address."""
    return (np.float64(bits(seed, stream, person, period) >> _S11) + 0.5) * (1.0 / 9007199254740992.0)


@compiled
def bits_into(seed: int, stream: np.uint64, people: np.ndarray, period: int, words: np.ndarray) -> None:
    """`bits` for every person of a list into the first `words`, shape (people,) or more."""
    for k in range(people.size):
        words[k] = bits(seed, stream, people[k], period)


@compiled
def draw_into(seed: int, stream: np.uint64, people: np.ndarray, period: int, numbers: np.ndarray) -> None:
    """`draw` for every person of a list into the first `numbers`, shape (people,) or more."""
    for k in range(people.size):
        numbers[k] = draw(seed, stream, people[k], period)


def draw_each(seed: int, stream: np.uint64, people: np.ndarray, period: int) -> np.ndarray:
    """`draw` for every person of a list, shape (people,)."""
    numbers = np.empty(people.size, dtype=np.float64)
    draw_into(seed, stream, people, period, numbers)
    return numbers
