"""Tables of a pool by sex and single year of age: read, checked, and spread over the years."""

import csv
import math
import re
from collections.abc import Mapping
from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

from model.files import shown
from model.pool_file import LIFELONG_YEARS, PoolError, Table

AGES = 106
"""Single years of age, 0 to 105."""
SEXES = ("F", "M")

type Rows = tuple[dict[str, str], ...]


def cell_of(text: str) -> object:
    """A cell of a table as TOML would have it."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


@cache
def rows_of(text: str) -> Rows:
    """The rows of a CSV table, each by column."""
    return tuple(csv.DictReader(line for line in text.splitlines() if line.strip()))


def by_age(rows: Rows, value: str, where: Mapping[str, str]) -> NDArray[np.float64]:
    """A column by sex and single age, shape (2, 106).

    Age bands are spread evenly over their years; ages beyond the table take its last value. A table without a column
    `sex` is of both.
    """
    result = np.full((2, AGES), np.nan)
    for row in rows:
        if any(row[key] != wanted for key, wanted in where.items()):
            continue
        first = int(row.get("age") or row["age_lo"])
        last = int(row.get("age") or row["age_hi"])
        sexes = [SEXES.index(row["sex"])] if "sex" in row else [0, 1]
        result[sexes, first : last + 1] = float(row[value])
    for sex in range(2):
        known = np.flatnonzero(~np.isnan(result[sex]))
        result[sex] = np.interp(np.arange(AGES), known, result[sex, known])
    return result


def check_table(rows: Rows, table: Table) -> None:
    """Refuse a table in which a column or an age is missing or cannot be read.

    Raises:
        PoolError: names it.
    """
    file = table.file
    if not rows:
        raise PoolError(f"{file}: it has no rows")
    bands = "age" not in rows[0]
    needed = [*(("age_lo", "age_hi") if bands else ("age",)), table.column, *table.where]
    needed += [table.minus] if table.minus else []
    for column in needed:
        if column not in rows[0]:
            what = "age, or age_lo and age_hi" if column in {"age_lo", "age_hi"} else column
            raise PoolError(f"{file}: column {shown(what)} is missing; it has {shown(', '.join(map(str, rows[0])))}")
    chosen = [(n, row) for n, row in enumerate(rows, start=1) if all(row[k] == v for k, v in table.where.items())]
    if not chosen:
        raise PoolError(f"{file}: no row has {shown(dict(table.where))}, which tables.where asks for")
    known = np.zeros((2, AGES), dtype=bool)
    for number, row in chosen:
        if "sex" in row and row["sex"] not in SEXES:
            raise PoolError(f"{file}: sex = {shown(row['sex'])} in row {number}; allowed: F, M")
        for column in (*needed[: 2 if bands else 1],):
            if not re.fullmatch(r"\d{1,3}", row[column] or "") or int(row[column]) > LIFELONG_YEARS:
                raise PoolError(f"{file}: {column} = {shown(row[column])} in row {number}; allowed: 0 to 130")
        for column in (table.column, table.minus):
            if column:
                try:
                    fine = math.isfinite(float(row[column] or "x"))
                except ValueError:
                    fine = False
                if not fine:
                    raise PoolError(f"{file}: {column} = {shown(row[column])} in row {number} is not a number")
        first, last = int(row.get("age") or row["age_lo"]), int(row.get("age") or row["age_hi"])
        if last < first:
            raise PoolError(f"{file}: age_hi = {last} in row {number}; allowed: from age_lo = {first} on")
        known[[SEXES.index(row["sex"])] if "sex" in row else [0, 1], first : last + 1] = True
    for sex, of_sex in zip(SEXES, known, strict=True):
        ages = np.flatnonzero(of_sex)
        if not ages.size:
            raise PoolError(f"{file}: no row is of sex = {sex}; allowed: rows of F and of M, or no column sex")
        gaps = np.flatnonzero(~of_sex[: ages[-1] + 1])
        if gaps.size:
            raise PoolError(f"{file}: age {gaps[0]} of sex {sex} is missing; allowed: every age from 0 to the last one")
