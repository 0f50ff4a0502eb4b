"""Luck: known answers, addresses, uniformity."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import kstest

from agents import luck

GOLDEN = 0x9E3779B97F4A7C15
MASK = 2**64 - 1


def test_mix_is_the_finaliser_of_splitmix64():
    # The published first outputs of SplitMix64 for seed 1234567.
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    got = [int(luck.mix(np.uint64((1234567 + k * GOLDEN) & MASK))) for k in range(1, 5)]
    assert got == published


def test_a_draw_can_be_recomputed_by_hand():
    def mix(x):
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
        return x ^ (x >> 31)

    seed, person, period = 7, 123_456_789, 42
    key = mix((mix((seed + GOLDEN) & MASK) + int(luck.STAY) * GOLDEN) & MASK)
    word = mix((mix((key + person * GOLDEN) & MASK) + period * 0xD1B54A32D192ED03) & MASK)
    assert int(luck.bits(seed, luck.STAY, person, period)) == word
    assert luck.draw(seed, luck.STAY, person, period) == ((word >> 11) + 0.5) / 2**53


def test_known_answers():
    # Kept from version 0.1: a change here changes every result.
    got = [luck.draw(1, stream, 10, 3) for stream in (luck.BODY, luck.HEALTH, luck.JOIN)]
    assert got == [0.6563975530117596, 0.30238616186358286, 0.27493736831855203]


@pytest.mark.parametrize(
    "change", [(2, luck.STAY, 5, 9), (1, luck.JOIN, 5, 9), (1, luck.STAY, 6, 9), (1, luck.STAY, 5, 8)]
)
def test_every_part_of_the_address_matters(change):
    assert luck.draw(1, luck.STAY, 5, 9) != luck.draw(*change)


@pytest.mark.parametrize("stream", [luck.BODY, luck.CLOCK, luck.STAY])
def test_draws_are_uniform_over_people_and_over_periods(stream):
    # Two tests a stream, error rate 1e-6 each.
    people = luck.draw_each(1, stream, np.arange(200_000), 7)
    periods = np.array([luck.draw(1, stream, 3, t) for t in range(20_000)])
    for numbers in (people, periods):
        assert kstest(numbers, "uniform").pvalue > 1e-6
        assert numbers.min() > 0
        assert numbers.max() < 1


def test_neighbouring_people_periods_and_streams_are_uncorrelated():
    # Correlations of 200,000 pairs: five standard errors, error rate 6e-7 each.
    people = np.arange(200_000)
    base = luck.draw_each(1, luck.STAY, people, 7)
    others = [
        luck.draw_each(1, luck.STAY, people + 1, 7),
        luck.draw_each(1, luck.STAY, people, 8),
        luck.draw_each(1, luck.JOIN, people, 7),
        luck.draw_each(2, luck.STAY, people, 7),
    ]
    for other in others:
        assert abs(np.corrcoef(base, other)[0, 1]) < 5 / np.sqrt(people.size)


def test_words_of_a_list_are_those_of_each():
    people, words = np.array([3, 600, 4_000_000_000], dtype=np.uint64), np.zeros(3, dtype=np.uint64)
    luck.bits_into(1, luck.TRAITS, people, 4, words)
    assert words.tolist() == [int(luck.bits(1, luck.TRAITS, person, 4)) for person in people]


def test_a_fresh_process_draws_the_same():
    code = "from agents import luck; print(repr(luck.draw(1, luck.HEALTH, 99, 3)))"
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(fresh.stdout) == luck.draw(1, luck.HEALTH, 99, 3)
