"""Good files with a few changes, by Hypothesis: each is read, or refused in one line; never anything else."""

import string
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.errors import UserError

ODD = [
    "inf",
    "-inf",
    "nan",
    "1e400",
    "-1",
    "0",
    "true",
    "false",
    '""',
    "[]",
    "[[1],2]",
    "{}",
    "{a=1}",
    "07:32:00",
    "1979-05-27",
    "1979-05-27T07:32:00Z",
    '"[/b]"',
    '"$30_{"',
    '"贵"',
    "''",
    '"\\u0000"',
    "[1,true,'x']",
    "3.9999999999999999",
    "1_000",
    "-0.0",
    "[inf]",
    "{low=nan}",
    "{low=1,high=0}",
    '{low="x"}',
    "{log=3}",
    "18446744073709551616",
    '"auto"',
    '"grid"',
    '"default"',
    '"."',
    '"/"',
    '"~"',
]
ODD += ["1" + 400 * "0", "0x" + 400 * "f", '"' + 300 * "x" + '"', "'''\n'''"]
CHARACTERS = string.printable + "\0é贵\ufeff\u2028²①"


@st.composite
def spoilt(draw, text: str, odd: tuple[str, ...] = tuple(ODD)) -> str:
    """A text with one to three changes: a line with another value, gone, doubled or new, or other characters.

    Args:
        draw: Hypothesis' own.
        text: a good file.
        odd: values that a line may get.
    """
    for _ in range(draw(st.integers(1, 3))):
        lines = text.split("\n")
        number = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.integers(0, 6))
        if kind <= 1:
            before, equals, _ = lines[number].rpartition("=" if kind else ",")
            lines[number] = f"{before}{equals or '='} {draw(st.sampled_from(odd))}"
        elif kind == 2:
            lines.pop(number)
        elif kind == 3:
            lines.insert(draw(st.integers(0, len(lines))), lines[number])
        elif kind == 4:
            key = draw(st.text(string.ascii_letters + "._-", min_size=1, max_size=20))
            lines.insert(number, f"{key} = {draw(st.sampled_from(odd))}")
        else:
            place = draw(st.integers(0, len(text)))
            new = draw(st.text(CHARACTERS, max_size=4))
            lines = (text[:place] + new + text[place + draw(st.integers(0, 4)) :]).split("\n")
        text = "\n".join(lines)
    return text


def every_spoilt_file_is_read_or_refused(good: str, read: Callable[[str], object], examples: int = 1000) -> None:
    """Try so many spoilt files.

    Args:
        good: a good file.
        read: hands a text to what reads such files.
        examples: how many are tried, always the same.

    Raises:
        AssertionError: if one ends in anything but success or one line, or if all end alike.
    """
    refused: list[bool] = []

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(spoilt(good))
    def one(text: str) -> None:
        try:
            read(text)
        except UserError as error:
            line = str(error)
            assert line.strip(), text
            assert len(line) < 2_000, text
            refused.append(True)
        else:
            refused.append(False)

    read(good)
    one()
    assert set(refused) == {True, False}
