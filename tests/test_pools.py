"""Pools as data: those that ship, one that nobody thought of, and files that cannot be read."""

import json
import pickle
import re
import shutil
from datetime import date
from pathlib import Path

import harbour
import pandas as pd
import pytest
from harbour import BENEFIT, FEE, RISK, RISKS

from agents.population import NEVER
from experiments.pools import rules_by_date, start
from model import pool as pools
from model.model import MutualAidModel
from model.plans import plans, waits_of
from model.policy import of_text
from model.pool import POOLS, default
from model.pool_file import PoolError
from model.scenario import Scenario, ScenarioError, load


@pytest.fixture
def odd(tmp_path):
    """The folder of a pool of four plans, monthly, in dollars, with its own table and a wait for one plan only."""
    return harbour.written(tmp_path / "harbour")


def test_the_pools_that_ship_are_sound(typed):
    code, out, err = typed("pools")
    assert (code, err) == (0, "")
    assert [line.partition(":")[0] for line in out.splitlines()] == ["xiang_hu_bao", "teaching", "textbook"]
    for name in pools.named():
        assert len(rules_by_date(pools.load(name))) > 3


OF_THE_DEFAULT_POOL = re.compile(
    r"yuan|renminbi|\bcny\b|\bfen\b|(?<!in )\bgeneral(?!ly)|seniors|chronic (?:illness )?plan|xiang|alipay|covid|"
    r"\b20(?:1[89]|2[0-2])\b",
    re.IGNORECASE,
)
CITED = re.compile(r"(?:et al\.|[A-Z]\w+)(?:, [A-Z]\.)? \d{4}[;)]|et al\. \d{4}")
"""A paper and its year."""


def test_no_pool_stands_in_the_source():
    """No plan, year, event or currency of the default pool in Python; its name where the default is said, once."""
    root = POOLS.parents[1]
    files = [file for folder in ("agents", "model", "experiments") for file in sorted((root / folder).rglob("*.py"))]
    found = [
        f"{file.relative_to(root)}: {line.strip()}"
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
        if OF_THE_DEFAULT_POOL.search(CITED.sub("", line))
    ]
    assert len(files) > 80
    assert found == [f'model/pool.py: DEFAULT = "{default().key}"']


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
    code, out, err = typed("scenarios")
    assert (code, err) == (0, "")


@pytest.mark.parametrize("command", ["reproduce", "calibrate", "validate", "stories", "contested"])
def test_what_needs_a_record_says_so_in_a_line(typed, odd, command):
    code, out, err = typed(command, "--pool", str(odd))
    assert (code, out) == (2, "")
    assert re.fullmatch(rf"error: pool = '{odd}' has no (published|contested) .*\n", err)
    assert not Path("out").exists()


def test_the_sets_that_ship_are_of_the_default_pool(typed, odd):
    code, _, err = typed("explain", "--posterior", "--pool", str(odd), "--scale", "100")
    assert (code, err.count("\n")) == (2, 1)
    assert "the parameter sets that ship were fitted to xiang_hu_bao" in err


STUDY_OF_IT = """
question = "what do a deterrent and a price do?"
expectation = "fewer members"
pool = "harbour"
scale = 100
replicates = 2
measures = ["members", "share", "fee"]
[parameters]
periods = 24
[design]
"""


def test_it_is_swept(typed, odd, address):
    """In a study that stands beside its folder; the results can be read where the folder is not."""
    study = odd.parent / "its.toml"
    study.write_text(STUDY_OF_IT + 'kind = "grid"\n[design.parameters]\nhabit = [0.0, 2.0]\n', encoding="utf-8")
    code, _, err = typed("sweep", str(study), "--out", "swept", "--scheduler", address)
    assert (code, err) == (0, err)
    shutil.move(odd, odd.parent / "elsewhere")
    code, _, _ = typed("results", "swept", "--export", "all.csv", "--summaries", "known.csv", "--picture", "a.png")
    assert code == 0
    assert set(pd.read_csv("known.csv")["summary"]) == {"peak_members", "fall", "share_2032", "share_2033", "selection"}
    table = pd.read_csv("all.csv").query("resolution == 'period' and habit == 0.0 and plan == 'pilots'")
    hand = RISK * BENEFIT * (1 + FEE) / 12
    assert table.query("'2031-04' < period < '2032-01'")["share"].mean() == pytest.approx(hand, rel=0.05)
    code, _, err = typed("sweep", str(study), "--pool", str(odd), "--out", "swept")
    assert (code, err.count("\n")) == (2, 1)
    shutil.move(odd.parent / "elsewhere", odd)
    (odd / "risks.csv").write_text(RISKS.replace("0.001", "0.002"), encoding="utf-8")
    code, _, err = typed("sweep", str(study), "--out", "swept", "--scheduler", address)
    assert code == 2
    assert "pool.digest = " in err


@pytest.mark.slow
def test_its_sensitivity_is_found(typed, odd, address):
    study = odd.parent / "its.toml"
    ranges = "premium_median = { low = 0.5, high = 4.0 }\nincidence_multiplier = { low = 0.5, high = 2.0 }\n"
    text = STUDY_OF_IT.replace("replicates = 2", "replicates = 1") + 'kind = "sobol"\nsize = 4\n[design.parameters]\n'
    study.write_text(text + ranges, encoding="utf-8")
    code, _, _ = typed("sensitivity", str(study), "--out", "moved", "--scheduler", address)
    assert code == 0
    curves = pd.read_csv("moved/curves.csv").query("parameter == 'incidence_multiplier'")
    low, *_, high = curves["share_2032"].tolist()
    # With four times the illness everybody pays about four times as much.
    assert high == pytest.approx(4 * low, rel=0.1)
    assert Path("moved/sensitivity.png").is_file()


@pytest.mark.slow
def test_it_is_explained(typed, odd):
    options = ("--mechanism", "price", "--scale", "100", "--replicates", "2", "--workers", "1")
    code, out, _ = typed("explain", "--pool", str(odd), *options, "--out", "why")
    assert code == 0
    assert "dollar a member" in " ".join(out.split())
    assert {"pilots", "masters"} <= set(pd.read_csv("why/accounts.csv")["plan"])


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


def ages_at_launch(model):
    columns = model.population.columns
    return (model.calendar.half_month(0) - 2.0 * columns.birth_month) / 24


def test_an_uptake_table_says_who_the_potential_members_are(odd):
    """Nobody below 30, and from 50 on a quarter as many of each age as below."""
    text = (odd / "pool.toml").read_text(encoding="utf-8")
    table = '[tables]\nuptake = { file = "uptake.csv", column = "chance" }\n'
    (odd / "pool.toml").write_text(text.replace("[tables]\n", table), encoding="utf-8")
    (odd / "uptake.csv").write_text("age_lo,age_hi,chance\n0,29,0\n30,49,1\n50,105,0.25\n", encoding="utf-8")
    ages = ages_at_launch(MutualAidModel(Scenario(pool=pools.load(str(odd)))))
    assert ages.min() >= 30
    young, old = ((ages >= 30) & (ages < 50)).sum() / 20, ((ages >= 50) & (ages < 70)).sum() / 20
    # Of 20,000 people 16,000 and 4,000: the ratio is known to 2 %, one standard error.
    assert old / young == pytest.approx(0.25, rel=0.08)


def test_the_age_at_which_people_may_join_changes_on_a_day(odd):
    """From 2032 on nobody of 30 or more joins the first plan; its members stay."""
    limit = of_text("limit", 'why = "The young alone."\nfrom = 2032-01-01\nplans.pilots.ages = { below = 30 }')
    base = Scenario(pool=pools.load(str(odd)), launch_advertising=0.2, advertising=0.2)
    plain, limited = MutualAidModel(base), MutualAidModel(base.with_policies([limit]))
    for model in (plain, limited):
        model.run()
    joined = limited.population.columns.joined
    age = ages_at_launch(limited) + joined / 12
    later = (joined >= limited.calendar.period_of(date(2032, 1, 1))) & (joined < NEVER)
    assert (age[later & (age < 45)] < 30 + 1 / 12).all()
    before = base.calendar.period_of(date(2032, 1, 1))
    assert (plain.report.series("joined")[:before] == limited.report.series("joined")[:before]).all()
    assert plain.report.series("joined", 0)[before:].sum() > limited.report.series("joined", 0)[before:].sum()
