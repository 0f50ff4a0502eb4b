"""Parameters: what is declared, and what is refused."""

import pytest

from experiments import documentation
from model import memory
from model.measures import MEASURES
from model.model import MutualAidModel
from model.scenario import PARAMETERS, Scenario, ScenarioError, load, named


def test_every_parameter_says_what_it_is():
    defaults = Scenario().values()
    for name, par in PARAMETERS.items():
        assert par.label
        assert par.unit
        assert par.source
        assert par.low <= defaults[name] <= par.high, name


def test_no_parameter_is_named_like_a_measure():
    assert not set(PARAMETERS) & set(MEASURES)


@pytest.mark.parametrize("name", named())
def test_every_named_scenario_runs(name):
    history = MutualAidModel(load(name).replace(scale=100_000, periods=10)).run()
    assert len(history) == 30


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fee_rat": 0.1}, "unknown parameter 'fee_rat'; did you mean 'fee_rate'?"),
        ({"fee_rate": 0.9}, "fee_rate = 0.9 is out of bounds; allowed: 0 to 0.5"),
        ({"fee_rate": "much"}, "fee_rate = 'much' is not a number"),
        ({"fee_rate": float("nan")}, "fee_rate = nan is out of bounds"),
        ({"wait_periods": 6.5}, "wait_periods = 6.5 is not a whole number"),
        ({"credit_gate": "maybe"}, "credit_gate = 'maybe' is not allowed: true or false"),
        ({"scale": 5e6, "potential_population": 200_000_000}, "scale = 5e+06 leaves 40 rows of 200,000,000 people"),
        ({"benefit_mild": 200_000}, "benefit_mild = 200000 contradicts benefit_old"),
        ({"wait_periods": 6, "periods": 5}, "wait_periods = 6 contradicts periods = 5"),
        ({"rng": "abc"}, "seed = 'abc' is not allowed"),
        ({"rng": -1}, "seed = -1 is not allowed"),
    ],
)
def test_what_is_refused(changes, words):
    with pytest.raises(ScenarioError) as error:
        Scenario(**changes)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_scenario_is_fixed_and_replace_makes_a_changed_copy():
    scenario = Scenario(rng=7, fee_rate=0.05)
    with pytest.raises(AttributeError, match="replace"):
        scenario.fee_rate = 0.1
    other = scenario.replace(fee_rate=0.1)
    assert (scenario.fee_rate, other.fee_rate, other.seed) == (0.05, 0.1, 7)
    assert other.differences() == {"fee_rate": 0.1}


@pytest.mark.parametrize("seed", [0, 2**63 - 1, "0", 3.0])
def test_seeds_that_are_allowed(seed):
    assert Scenario(rng=seed).seed == int(seed)


def test_a_hundred_rows_are_enough():
    assert Scenario(potential_population=100_000, scale=1_000).rows == 100
    with pytest.raises(ScenarioError, match="leaves 99 rows"):
        Scenario(potential_population=99_400, scale=1_000)


def test_text_values_are_understood():
    scenario = Scenario(fee_rate="0.05", wait_periods="4", credit_gate="no")
    assert (scenario.fee_rate, scenario.wait_periods, scenario.credit_gate) == (0.05, 4, False)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("why = ", "cannot be read as TOML"),
        ("seed = 5\n", "why is missing in scenario"),
        ("why = 4\n", "why = 4 in scenario"),
        ('why = "x"\nbase = 3\n', "base = 3 in scenario"),
        ('why = "x"\nseed = 1.9\n', "seed = 1.9 is not allowed: a whole number"),
        ('why = "x"\nseed = true\n', "seed = True is not allowed"),
        ('why = "x"\nseed = inf\n', "seed = inf is not allowed"),
        ('why = "x"\nseed = nan\n', "seed = nan is not allowed"),
        ('why = "x"\n[parameters]\ncase_cap = true\n', "case_cap = True is not a number"),
        ('why = "x"\n[parameters]\nrng = 5\n', "unknown parameter 'rng'; the seed is set by --seed"),
        ('why = "x"\n[parameters]\nseed = 5\n', "unknown parameter 'seed'; the seed is set by --seed"),
        ('why = "x"\n[parameters]\nself = 1\n', "unknown parameter 'self'"),
        ('why = "x"\n[parameters]\n_scenario_id = 1\n', "unknown parameter '_scenario_id'"),
        ('why = "x"\n[parameters]\nhabit = 1' + 309 * "0", "a whole number of more than 64 bits"),
        ('why = "x"\n[parameters]\nhabit = 1' + 5000 * "0", "cannot be read as TOML"),
        ('why = "x"\n[parameters]\nhabit = 0x' + 5000 * "f", "a whole number of more than 64 bits"),
        ('why = "x"\nparameters = ' + 500 * "[" + 500 * "]", "nested too deeply"),
        ('why = "x"\n' + ".".join(100_000 * "a") + " = 1", "has a key of more than 100 parts"),
        ('why = "' + 1_000_000 * "x" + '"', "is larger than 1,000,000 bytes"),
        ('why = "x"\nfee_rate = 0.1\n', "unknown key 'fee_rate' in scenario"),
        ('why = "x"\nparameters = 3\n', "is not a table"),
        ('why = "x"\nbase = "nowhere"\n', "scenario = 'nowhere' is neither a file nor one of default"),
        ('why = "x"\n[parameters]\nfee_rat = 0.1\n', "did you mean 'fee_rate'?"),
        ('why = "x"\n[parameters]\nwait_periods = 9\nperiods = 9\n', "wait_periods = 9 contradicts periods = 9"),
    ],
)
def test_files_that_are_refused(tmp_path, content, words):
    file = tmp_path / "mine.toml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ScenarioError) as error:
        load(str(file))
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 700


@pytest.mark.parametrize("name", [300 * "a", "a\0b", "no_gat", "/", ""])
def test_names_that_are_refused(name):
    with pytest.raises(ScenarioError, match=r"^scenario = "):
        load(name)


def test_a_folder_that_may_not_be_entered_is_a_refusal(tmp_path, monkeypatch):
    def closed(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.is_file", closed)
    with pytest.raises(ScenarioError, match="cannot be read: Permission denied"):
        load(str(tmp_path / "locked" / "mine.toml"))


def test_a_chain_of_scenarios_that_is_too_long_is_refused(tmp_path):
    for number in range(30):
        base = f'base = "{tmp_path}/{number + 1}.toml"\n' if number < 29 else ""
        (tmp_path / f"{number}.toml").write_text(f'why = "x"\n{base}', encoding="utf-8")
    with pytest.raises(ScenarioError, match="is the end of a chain of 20; allowed: 19"):
        load(f"{tmp_path}/0.toml")
    assert load(f"{tmp_path}/10.toml").differences() == {}


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('why = "x"\n[parameters]\nhabit = 0.5\n', encoding="utf-8-sig")
    assert load(str(file)).habit == 0.5


def test_a_scenario_that_builds_on_itself_is_refused(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(f'why = "x"\nbase = "{file}"\n', encoding="utf-8")
    with pytest.raises(ScenarioError, match="contradicts itself"):
        load(str(file))


def test_a_file_builds_on_its_base(tmp_path):
    (tmp_path / "base.toml").write_text('why = "x"\nseed = 9\n[parameters]\nfee_rate = 0.1\n', encoding="utf-8")
    file = tmp_path / "mine.toml"
    file.write_text(f'why = "x"\nbase = "{tmp_path}/base.toml"\n[parameters]\nhabit = 0.2\n', encoding="utf-8")
    scenario = load(str(file))
    assert (scenario.fee_rate, scenario.habit, scenario.seed) == (0.1, 0.2, 9)


def test_what_does_not_fit_into_memory_is_refused_before_anything_is_allocated(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 3_000_000_000)
    monkeypatch.setattr("model.model.synthesize", lambda _: pytest.fail("allocated"))
    with pytest.raises(
        ScenarioError, match=r"scale = 1 needs .* GB of memory and 3\.0 GB are free; allowed here: scale = "
    ):
        MutualAidModel(Scenario(scale=1))


def test_the_scale_proposed_fits(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 3_000_000_000)
    with pytest.raises(ScenarioError) as error:
        memory.check(Scenario(scale=1))
    proposed = float(str(error.value).rsplit("scale = ", 1)[1].split()[0])
    memory.check(Scenario(scale=proposed))


@pytest.mark.parametrize("name", documentation.PAGES)
def test_the_generated_pages_are_up_to_date(name):
    written = (documentation.DOCS / name).read_text(encoding="utf-8")
    assert written == documentation.PAGES[name]() + "\n", "run `make tables`"
