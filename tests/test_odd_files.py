"""A thousand spoilt files of each sort that a user can write: never a traceback, always one line or success."""

import itertools

import harbour
import pytest
from odd_files import every_spoilt_file_is_read_or_refused
from xiang_hu_bao import RECORD

from experiments import targets
from experiments.calibration.validation import naive_forecasts
from experiments.pools import facts, rules_by_date
from experiments.sweeps import study
from model import pool as pools
from model import scenario
from model.plans import timeline

SCENARIO = """why = "What if?"
base = "no_gate"
seed = 7
pool = "xiang_hu_bao"
[parameters]
habit = 0.5
periods = 40
credit_gate = false
"""
STUDY = """question = "q"
expectation = "e"
scenario = "default"
pool = "teaching"
scale = 200
replicates = 3
seed = 5
tolerance = 0.1
common_luck = true
measures = ["members", "share"]
[parameters]
expected_claims = true
[design]
kind = "latin_hypercube"
size = 4
[design.parameters]
premium_median = { low = 0.1, high = 2, log = true }
habit = {}
"""
POLICY = """why = "Bands from a day on."
from = 2019-10-07
without = ["slowdowns", "events.rival"]
[plans.general]
sharing = { rule = "age_bands", bounds = [30, 40] }
minimum_stay = "1 year"
ages = { below = 55 }
[plans.all]
entry_fee = { 2019-10-07 = 5, 2020-10-07 = 10 }
wait_on_return = "180 days"
[[caps]]
plan = "all"
per_member = 100
[[reinsurance]]
plan = "seniors"
above = 3
premium_rate = 0.05
[[events]]
day = 2020-01-01
kind = "regulator"
what = "a word"
[parameters]
habit = { times = 2, plus = 0.1 }
salience = 0.5
"""
POOL = harbour.ODD.replace(
    "[parameters]",
    """[[gates]]
plan = "pilots"
trait = "low_credit"
until = 2032-01-01
[[subsidies]]
plan = "masters"
year = 2032
joined_by = 2031-06-01
first_shares = 2
[[caps]]
plan = "pilots"
year = 2033
per_member = 40
excess = "pool"
[[slowdowns]]
from = 2032-02-01
until = 2032-04-30
review = 0.5
filing = 0.2
[[review_limits]]
until = 2031-12-31
claims = 300
[[orders]]
lower = "uptake_from"
upper = ["uptake_until"]
why = "people are young before they are old"
[[outcomes]]
name = "loss"
label = "members lost in a year"
unit = "share"
measure = "fall"
plan = "all"
when = "2032-01-09..2033-01-09"
[record]
targets = "record.csv"
naive = "naive.csv"
headlines = ["members_2032"]
fitted_until = 2032-12-31
[parameters]""",
)
RECORD_OF_IT = """id,plan,measure,when,value,unit,low,high,grade,role,source,note
members_2032,pilots,members,2032-06-09,9000,people,8000,10000,A,fit,a,b
share_2033,masters,annual_share,2033,104,dollar,90,120,B,validate,"a, b",
first_2031,all,recipients,2031-09,12,people,10,14,A,fit,,
born,all,member_share_born,2033-12:1990..1999,0.2,share,0.1,0.3,C,validate,,
"""
NAIVE = "id,level,change_per_month,months,note\nshare_2033,100,1,6,\n"


@pytest.fixture
def folder(tmp_path):
    """The pool, with a record."""
    made = harbour.written(tmp_path / "harbour")
    (made / "pool.toml").write_text(POOL, encoding="utf-8")
    (made / "record.csv").write_text(RECORD_OF_IT, encoding="utf-8")
    (made / "naive.csv").write_text(NAIVE, encoding="utf-8")
    return made


@pytest.fixture
def in_file(tmp_path):
    """Hands a text to a reader of files: each text in a file of its own name, so that no reader remembers it."""
    numbers = itertools.count()

    def reader(read):
        def write_and_read(text):
            file = tmp_path / f"odd{next(numbers) % 2}.toml"
            file.write_bytes(text.encode("utf-8", "surrogatepass"))
            return read(file)

        return write_and_read

    return reader


def test_spoilt_scenarios(in_file):
    every_spoilt_file_is_read_or_refused(SCENARIO, in_file(lambda file: scenario.load(str(file))))


def test_spoilt_policies(in_file):
    base = scenario.Scenario(scale=200_000)
    every_spoilt_file_is_read_or_refused(POLICY, in_file(lambda file: timeline(base.with_policies([str(file)]))))


def test_spoilt_studies(in_file):
    every_spoilt_file_is_read_or_refused(STUDY, in_file(lambda file: study.load(str(file)).work))


def test_spoilt_records(in_file):
    good = "\n".join(RECORD.read_text(encoding="utf-8").splitlines()[:7])
    every_spoilt_file_is_read_or_refused(good, in_file(targets.load))


def checked(folder):
    """Read a pool as `mutualaid pool check` and what asks for its record do."""
    pool = pools.load(str(folder))
    facts(pool)
    rules_by_date(pool)
    if pool.rules.record:
        naive_forecasts(targets.load(pool=pool), pool)


def spoil(folder, name):
    """Writes a text in place of a file of the pool, and reads the pool."""

    def write_and_read(text):
        (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
        checked(folder)

    return write_and_read


def test_spoilt_pools(folder):
    every_spoilt_file_is_read_or_refused(POOL, spoil(folder, "pool.toml"))


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("risks.csv", harbour.RISKS),
        ("masters.csv", harbour.MASTERS),
        ("record.csv", RECORD_OF_IT),
        ("naive.csv", NAIVE),
    ],
)
def test_spoilt_tables_of_a_pool(folder, name, good):
    every_spoilt_file_is_read_or_refused(good, spoil(folder, name), examples=150)
