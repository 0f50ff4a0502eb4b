"""Mistakes on the command line itself: one line, exit code 2."""

from importlib.metadata import version

import pytest


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "--scal", "3"), "No such option: --scal"),
        (("ru",), "No such command 'ru'"),
        (("sweep",), "Missing argument"),
        (("app", "--port", "0"), "--port"),
        (("calibrate", "--runs", "many"), "--runs"),
        (("run", "--scale"), "--scale"),
        (("run", "extra"), "extra"),
        (("run", "--set", "rng=5"), "unknown parameter 'rng'; the seed is set by --seed"),
        (("run", "--set", "self=1"), "unknown parameter 'self'"),
        (("run", "--set", "seed=5"), "the seed is set by --seed"),
        (("sweep", "collapse", "--shard", "²/3"), "shard = '²/3' is not allowed: i/n"),
        (("sweep", "collapse", "--shard", "1/①"), "is not allowed: i/n"),
        (("sweep", "collapse", "--shard", "1/" + 5_000 * "9"), "is not allowed: i/n"),
        (("sweep", 300 * "a"), "study = 'aaa"),
    ],
)
def test_a_mistake_is_one_line(typed, arguments, words):
    code, out, err = typed(*arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert words in err
    assert len(err) < 500


def test_the_version_is_told(typed):
    assert typed("--version")[:2] == (0, f"mutualaid {version('mutualaid')}\n")


def test_no_command_shows_the_help(typed):
    code, out, err = typed()
    assert code == 2
    assert "Commands:" in out + err
    assert "error:" not in err
