"""Pools as data: those that ship, one that nobody thought of, and files that cannot be read."""

import json
import pickle
import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from experiments.pools import rules_by_date, start
from model import pool as pools
from model.model import MutualAidModel
from model.plans import plans, waits_of
from model.pool import POOLS, PoolError, default
from model.scenario import Scenario, ScenarioError, load

BENEFIT = 5_000
FEE = 0.04
RISK = 0.02
"""Per person-year, at every age of the pool below."""

ODD = f"""
name = "Harbour pilots"
why = "A pool that nobody thought of."
launch = 2031-03-05
end = 2034-02-28
[currency]
name = "dollar"
[settlement]
per_year = 12
publish_on = [9]
debit_on = [3]
[tables]
census = 2031-01-01
population = {{ file = "risks.csv", column = "heads" }}
incidence = {{ file = "risks.csv", column = "falls_ill" }}
mortality = {{ file = "risks.csv", column = "dies" }}
[[kinds]]
name = "illness"
[[kinds]]
name = "shipwreck"
share = 0.0
[[plans]]
name = "pilots"
opens = 2031-03-05
ages = {{ from = 21, below = 45, ends = 45 }}
fee = {FEE}
advertised_price = 50
benefits = [{{ kind = "all", amount = {BENEFIT} }}]
transfers = [{{ at_age = 45, to = "masters" }}]
[[plans]]
name = "masters"
opens = 2031-03-05
ages = {{ from = 45, below = 62, ends = 66 }}
wait = "2 months"
fee = {{ 2031-03-05 = {FEE}, 2032-06-01 = 0.1 }}
advertised_price = 80
benefits = "masters.csv"
[[plans]]
name = "cadets"
opens = 2032-01-01
ages = {{ from = 16, below = 21, ends = 21 }}
advertised_price = 20
benefits = [{{ kind = "shipwreck", amount = 900 }}, {{ kind = "illness", amount = 900 }}]
[[plans]]
name = "invalids"
opens = 2031-03-05
health = "chronic"
ages = {{ from = 62, below = 70 }}
advertised_price = 90
benefits = [{{ kind = "all", amount = 500 }}]
[[events]]
day = 2032-09-30
kind = "scandal"
what = "a refused claim"
[parameters]
potential_population = 20000
scale = 1
incidence_multiplier = 1.0
mortality_multiplier = 0.0
blue_share = 1.0
information = 0.0
signs_weight = 0.0
premium_median = 4.0
launch_advertising = 50.0
inert_share = 0.999
habit = 0.0
frailty_sd = 0.0
lag_months = 0.0
review_periods = 0
review_start = 1e12
terms_refusal = 0.0
refusal_impact = 0.0
"""
RISKS = f"age_lo,age_hi,heads,falls_ill,dies\n0,15,0,0.0,0.001\n16,69,10,{RISK},0.001\n70,99,0,{RISK},0.1\n"


@pytest.fixture
def odd(tmp_path):
    """The folder of a pool of four plans, monthly, in dollars, with its own table and a wait for one plan only."""
    folder = tmp_path / "harbour"
    folder.mkdir()
    (folder / "pool.toml").write_text(ODD, encoding="utf-8")
    (folder / "risks.csv").write_text(RISKS, encoding="utf-8")
    (folder / "masters.csv").write_text(
        f"from,age_from,kind,amount\n,,all,{BENEFIT}\n2033-01-01,55,illness,1000\n", "utf-8"
    )
    return folder


def test_the_pools_that_ship_are_sound(typed):
    code, out, err = typed("pools")
    assert (code, err) == (0, "")
    assert [line.partition(":")[0] for line in out.splitlines()] == ["xiang_hu_bao", "teaching", "textbook"]
    for name in pools.named():
        assert len(rules_by_date(pools.load(name))) > 3


def test_no_pool_stands_in_the_source():
    """No name of a plan, no day and no currency of the default pool in Python."""
    root = POOLS.parents[1]
    for folder in ("agents", "model"):
        for file in (root / folder).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            for word in ("seniors", '"general"', "Xiang Hu Bao", "covid", "Ant ", "2019, ", "2020, "):
                assert word not in text, f"{word} in {file}"


def test_a_pool_nobody_thought_of_has_the_rhythm_and_rules_it_names(odd):
    pool = pools.load(str(odd))
    assert pool.calendar.periods == 35
    assert (pool.calendar.label(0), pool.calendar.published(0)) == ("2031-03", date(2031, 3, 9))
    # Debited on the 3rd of the next month: that of 9 January 2034 on 3 February, the last one before the end.
    assert pool.calendar.debited(34) == date(2034, 2, 3)
    scenario = Scenario(pool=pool)
    assert waits_of(scenario, plans(scenario))[:, 0, 0].tolist() == [0, 2, 0, 0]
    assert scenario.parameters["joining_hassle"].unit == "dollar/year"


def test_its_share_can_be_worked_out_by_hand_in_its_first_year(odd):
    """Everybody has one risk and claims at once, so that each pays risk x benefit x (1 + fee) / 12 a month."""
    model = MutualAidModel(Scenario(pool=str(odd)))
    history = model.run()
    year = history[history["date"] < "2032-03-01"].set_index(["plan", "period"])
    monthly = RISK * BENEFIT * (1 + FEE) / 12
    pilots, masters = year.loc["pilots"], year.loc["masters"]
    assert pilots["members"].min() > 1_000
    # Claims are those of the members before this month's illnesses: 1 in 600 fewer divide them.
    assert pilots["share"].iloc[1:].to_numpy() == pytest.approx(monthly, rel=0.01)
    # Who joined in the first month is covered two months later, and only these pay for claims: none before.
    assert masters["share"].iloc[:2].tolist() == [0.0, 0.0]
    assert masters["benefits_paid"].iloc[2] > 0
    covered = masters["members"].iloc[0] / masters["members"].iloc[2]
    assert masters["share"].iloc[2] == pytest.approx(monthly * covered, rel=0.02)
    assert year.loc["cadets"]["members"].iloc[:9].max() == 0
    assert year.loc["cadets"]["members"].iloc[-1] > 0


def test_the_laws_hold_in_it(odd):
    scenario = Scenario(pool=str(odd), scale=4, review_start=3.0, lag_months=2.0, mortality_multiplier=1.0)
    history = MutualAidModel(scenario).run()
    carry = history.groupby("plan", sort=False)["carry"].diff().fillna(history["carry"])
    money = history["collected"] + history["platform_paid"] - history["benefits_paid"] - history["fee"] - carry
    assert money.abs().max() < 1e-6
    by_plan = history.pivot(index="period", columns="plan")
    lost = sum(by_plan[name] for name in ("left", "ill", "died", "aged_out"))
    change = by_plan["members"].diff().iloc[1:]
    pd.testing.assert_frame_equal(change, (by_plan["joined"] - lost).iloc[1:], check_dtype=False)
    # Pilots of 45 go on as masters.
    assert history.groupby("plan")["transferred_in"].sum()["masters"] > 0


def test_crowd_and_agents_agree_in_it(odd):
    scenario = Scenario(pool=str(odd), potential_population=2_000, scale=2, expected_claims=False)
    crowd = MutualAidModel(scenario).run()
    pd.testing.assert_frame_equal(crowd, MutualAidModel(scenario, driver="agents").run())


def test_it_goes_through_the_command_line(typed, odd):
    code, out, err = typed("pool", "check", str(odd))
    assert (code, err) == (0, "")
    assert "dollar" in out
    assert "2032-06-01" in out
    assert "transfer" in out
    code, out, _ = typed("run", "--pool", str(odd), "--scale", "10", "--out", "made", "--picture")
    assert code == 0
    assert "dollar" in out
    made = json.loads(Path("made/run.json").read_text(encoding="utf-8"))
    assert made["pool"]["name"] == str(odd)
    assert set(pd.read_csv("made/history.csv")["plan"]) == {"pilots", "masters", "cadets", "invalids"}
    code, out, _ = typed(
        "compare", "default", "default", "--set", "habit=1", "--pool", str(odd), "--scale", "40", "--replicates", "2"
    )
    assert code == 0
    assert "share_2032" in out
    code, out, err = typed("describe", "--pool", str(odd))
    assert (code, err) == (0, "")
    code, _, err = typed("reproduce", "--pool", str(odd))
    assert code == 2
    assert "no published record" in err
    assert err.count("\n") == 1


def test_a_starting_point_is_a_pool(typed):
    code, out, _ = typed("pool", "new", "mine")
    assert code == 0
    assert "pool.toml" in out
    assert typed("pool", "check", "mine")[0] == 0
    code, _, err = typed("pool", "new", "mine")
    assert (code, err.count("\n")) == (2, 1)


def test_a_pool_travels_with_its_files(odd):
    pool = pools.load(str(odd))
    packed = pickle.dumps(pool)
    shutil.rmtree(odd)
    assert pickle.loads(packed).digest == pool.digest
    assert pickle.loads(pickle.dumps(default())) is default()


def test_a_scenario_file_names_its_pool(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('why = "x"\npool = "teaching"\n[parameters]\nhabit = 0.3\n', encoding="utf-8")
    assert load(str(file)).pool is pools.load("teaching")
    with pytest.raises(ScenarioError, match="credit_gate"):
        load("no_gate", "teaching")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("launch = 2031-03-05", "launhc = 2031-03-05", "unknown key 'launhc' in the file; did you mean 'launch'?"),
        ("end = 2034-02-28", "end = 2030-01-01", "end = 2030-01-01; allowed: a day after the launch"),
        ("end = 2034-02-28", "end = 2094-02-28", "settlements; allowed: 1 to 250"),
        ("end = 2034-02-28", 'end = "soon"', "end = 'soon'"),
        (
            'to = "masters"',
            'to = "master"',
            "plans.pilots.transfers.to = 'master' does not exist; did you mean 'masters'?",
        ),
        ("at_age = 45", "at_age = 44", "plans.pilots.transfers.at_age = 44; allowed: the age at which membership ends"),
        ("from = 21, below = 45", "from = 50, below = 45", "plans.pilots.ages.below = 45; nobody could join"),
        ("opens = 2032-01-01", "opens = 2030-01-01", "plans.cadets.opens = 2030-01-01; allowed: 2031-03-05 to"),
        ('kind = "shipwreck", amount', 'kind = "wreck", amount', "plans.cadets.benefits.kind = 'wreck' does not exist"),
        ('{ kind = "shipwreck", amount', "{ amount", "kind is missing"),
        ("fee = 0.04\nadvertised", "fee = 4\nadvertised", "plans.pilots.fee = 4; allowed: 0 to 1"),
        (
            "fee = 0.04\nadvertised",
            'fee = "$fees"\nadvertised',
            "plans.pilots.fee.0001-01-01 = '$fees' is no parameter",
        ),
        (
            'wait = "2 months"',
            'wait = "two months"',
            "plans.masters.wait = 'two months'; allowed: a time such as \"90 days\"",
        ),
        ("publish_on = [9]", "publish_on = [31]", "settlement.publish_on = [31]; allowed: one or two days"),
        ("publish_on = [9]", "publish_on = [9, 20]", "settlement.per_year = 12; allowed"),
        ('column = "falls_ill"', 'column = "ill"', "risks.csv: column 'ill' is missing"),
        ('file = "risks.csv", column = "dies"', 'file = "death.csv", column = "dies"', "file = 'death.csv' is missing"),
        ('kind = "scandal"', 'kind = "storm"', "events.1.kind = 'storm'"),
        ("habit = 0.0", "habit = -1.0", "parameters.habit = -1.0 is out of bounds"),
        ("habit = 0.0", "habbit = 0.0", "parameters.habbit: label is missing"),
        ('name = "cadets"', 'name = "pilots"', "plans: name = 'pilots' is there twice"),
    ],
)
def test_a_mistake_in_a_pool_is_one_line(typed, odd, old, new, words):
    file = odd / "pool.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    code, out, err = typed("run", "--pool", str(odd))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert words in err


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (RISKS.replace("16,69", "16,60"), "age 61 of sex F is missing"),
        (RISKS.replace("0.001\n16", "x\n16"), "dies = 'x' in row 1 is not a number"),
        ("", "it has no rows"),
        (RISKS.replace("16,69", "69,16"), "age_hi = 16 in row 2; allowed: from age_lo = 69 on"),
    ],
)
def test_a_mistake_in_a_table_is_one_line(odd, rows, words):
    (odd / "risks.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(PoolError, match=words):
        pools.load(str(odd))


def test_places_that_are_no_pool_are_refused(tmp_path, odd):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder" / "pool.toml").mkdir(parents=True)
    for name, words in (
        ("file", "is a file"),
        ("empty", "has no pool.toml"),
        ("folder", "is a folder"),
        ("teching", "did you mean 'teaching'"),
    ):
        with pytest.raises(PoolError, match=words):
            pools.load("teching" if name == "teching" else str(tmp_path / name))
    (odd / "risks.csv").write_text("a" * 10_000_000, encoding="utf-8")
    with pytest.raises(PoolError, match="larger than"):
        pools.load(str(odd))
    start(tmp_path / "new")
    assert pools.load(str(tmp_path / "new")).plan_names == ("basic",)
