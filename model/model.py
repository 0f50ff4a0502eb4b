"""MutualAidModel: the phases of a period, in order.

A Mesa model like any other: `step`, `DataCollector`, `mesa.batch_run` and `SolaraViz` work on it unchanged.
"""

import math
import secrets
from collections.abc import Callable
from datetime import date
from typing import Any

import mesa
import numpy as np
import pandas as pd

from agents.crowd import (
    TALLIES,
    Crowd,
    enter_everybody,
)
from agents.insurer import Insurer
from agents.member import Member, as_illness
from agents.outlook import Outlook
from agents.platform import FEN, Platform, Settlement
from agents.population import (
    AWARE,
    BARRED,
    CHRONIC,
    GENERAL,
    LEFT,
    PLACES,
    PLAN_NAMES,
    UNAWARE,
    Population,
)
from agents.regulator import Regulator
from agents.rolls import empty_rolls, end_waits, members_of_plan
from model import calendar, measures, memory, record
from model.claims import Docket, Terms, expected_cases, lag_distribution, sampled_cases
from model.events import CLOSING_ANNOUNCED, GATE_DROPPED, Event, events_in, in_covid
from model.health import health
from model.ledger import Ledger
from model.plans import WAIVED_JOINERS, WAIVED_SHARES, WAIVER_YEAR, fair_values, plans
from model.scenario import Scenario, ScenarioError
from model.synthesis import synthesize

DRIVERS = ("crowd", "agents")
PLANS = len(PLAN_NAMES)


class MutualAidModel(mesa.Model):  # type: ignore[misc]
    """A mutual-aid platform with three plans and the people who could join them.

    Args:
        scenario: all parameters; the default scenario if none is given.
        rng: the seed. Without one it is the scenario's own; without a scenario it is drawn, so that Mesa's replicates
            differ, and `model.scenario.seed` and the reporter `seed` name it.
        driver: `crowd` runs all rows in one compiled pass; `agents` makes a Mesa agent of every row and steps them
            in shuffled order, with the same results bit for bit (for some thousand rows).
        member: the class of those agents, `Member` or a subclass.
        population: people made elsewhere, instead of those of the scenario; the model works on a copy of them.
        overrides: parameters that differ from the scenario.

    Raises:
        ValueError: for a driver or a class of members that does not exist or cannot take part.
        ScenarioError: for parameters that are not allowed, a population that does not fit into memory, or one whose
            scale or health events are not those of the scenario.
    """

    PHASES = (
        ("hear and join, notice and leave", "_decide"),
        ("age and fall ill", "_befall"),
        ("file and review claims", "_review"),
        ("settle and publish", "_settle"),
        ("news and trust", "_hear_news"),
        ("record", "_record"),
    )

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        rng: int | str | None = None,
        driver: str = "crowd",
        member: type[Member] = Member,
        population: Population | None = None,
        **overrides: Any,
    ) -> None:
        if driver not in DRIVERS:
            raise ValueError(f"driver = {driver!r} is not allowed: {' or '.join(DRIVERS)}")
        if not issubclass(member, Member):
            raise ValueError(f"member = {member.__name__} is no subclass of Member")
        if member is not Member and driver != "agents":
            raise ValueError(f"member = {member.__name__} needs driver = 'agents'")
        if scenario is None and rng is None:
            rng = secrets.randbelow(2**31)
        chosen = (Scenario() if scenario is None else scenario).replace(rng=rng, **overrides)
        if population is None:
            memory.check(chosen)
        super().__init__(scenario=chosen)
        self.health = health(chosen)
        self.plans = plans(chosen)
        self.period = 0
        """The period that the next step simulates, and during a step the one that it simulates; 0 at the launch."""
        self.ledger = Ledger()
        self.docket = Docket(chosen.seed)
        self.population = synthesize(chosen) if population is None else _for_this_run(population, chosen)
        self.rolls = empty_rolls(chosen.wait_periods)
        enter_everybody(self.population, 0, chosen.wait_periods, self.rolls)
        self._enrol()
        self.platform = Platform(self, plans=self.plans, docket=self.docket, ledger=self.ledger)
        self.insurer = Insurer(self)
        self.regulator = Regulator(self)
        self.trust = 1.0
        self.bad_news = 0.0
        self.closing = False
        self.readings = np.zeros(len(PLACES))
        self.records: list[dict[str, Any]] = []
        self.tally = np.zeros((PLANS, TALLIES), dtype=np.int64)
        self.taken_over = np.zeros(PLANS, dtype=np.int64)
        self.diagnosed: list[tuple[int, int, int, bool]] = []
        self.outlook = self._look_around()
        self.driver = driver
        if driver == "crowd":
            self._crowd = Crowd(self.population, self.rolls)
        else:
            member.create_agents(self, len(self.population), np.arange(len(self.population)))
        self._lags = lag_distribution(chosen.lag_months)
        self.datacollector = mesa.DataCollector(model_reporters=record.reporters())

    @property
    def history(self) -> pd.DataFrame:
        """One row per period and plan; columns: period, date, plan, and every measure (`model/measures.py`)."""
        return pd.DataFrame(self.records, columns=["period", "date", "plan", *measures.MEASURES])

    @classmethod
    def describe(cls) -> str:
        """The phases of a period, in order."""
        return "\n".join(f"{number}. {what}" for number, (what, _) in enumerate(cls.PHASES, start=1))

    def step(self) -> None:
        """One period, up to and including its settlement."""
        for _, phase in self.PHASES:
            getattr(self, phase)()
        self.period += 1
        if self.period >= self.scenario.periods:
            self.running = False

    def run(self, progress: Callable[[int], None] | None = None) -> pd.DataFrame:
        """Step until the end; `progress` is told the number of periods done. Returns the history."""
        while self.running:
            self.step()
            if progress is not None:
                progress(self.period)
        return self.history

    # The phases.

    def _decide(self) -> None:
        """People hear of the pool and join, notice their bill and leave."""
        end_waits(self.rolls, self.period, self.scenario.wait_periods)
        self.tally[:] = 0
        self._advance_clocks()
        self.outlook = self._look_around()
        if self.driver == "crowd":
            self._crowd.decide(self.outlook, self.tally)
        else:
            self._members().shuffle_do("decide")

    def _befall(self) -> None:
        """What was fated for this period comes; the ill among the members will claim."""
        terms = self._terms()
        if self.scenario.expected_claims:
            # Those of the members who have decided and not yet met their fate.
            self.docket.enter(expected_cases(self.rolls, self.health, terms))
        if self.driver == "crowd":
            ill = self._crowd.befall(self.outlook, self.tally)
        else:
            self.diagnosed.clear()
            self._members().shuffle_do("meet_fate")
            ill = as_illness(self.diagnosed)
        if not self.scenario.expected_claims:
            self.docket.enter(sampled_cases(self.population.columns, ill, self.health, terms))

    def _review(self) -> None:
        """Claims are filed and reviewed; both slow down in the Covid months."""
        covid = in_covid(self.period)
        self.filed = self.docket.file(self.period, self.scenario.covid_filing if covid else 0.0)
        slowed = self.scenario.covid_review if covid else 1.0
        self.decided = self.platform.review(self.period, float(self.filed.people.sum()), slowed)

    def _settle(self) -> None:
        """Each plan's approved claims are shared, paid and published."""
        self.settlements = []
        paid_by_platform = self.scenario.closing and calendar.debited(self.period) >= CLOSING_ANNOUNCED
        self._enrol()
        self.platform.begin_settlement(calendar.published(self.period).year)
        for plan, terms in enumerate(self.plans):
            members = self._people(self.enrolled[plan])
            granted = self.decided.only((self.decided.plan == plan) & ~self.decided.refused)
            settlement = self.platform.settle(
                plan,
                members,
                granted,
                fee_rate=terms.fee_at(max(terms.opens, calendar.published(self.period))),
                most=self._most(plan),
            )
            waived = settlement.collected if paid_by_platform else self._waived(plan, settlement)
            self.platform.collect_and_pay(self.period, plan, settlement, waived)
            self.platform.publish(plan, settlement.share, calendar.PERIODS_PER_YEAR)
            self.settlements.append((settlement, waived, granted))

    def _hear_news(self) -> None:
        """Events and refusals move trust; bad news makes members look."""
        events = events_in(self.period)
        lost = self.regulator.speak([(event.kind, event.what) for event in events])
        lost += self._lost_by(events, "scandal", self.scenario.scandal_impact)
        lost += self._lost_by(events, "rival", self.scenario.rival_closure_impact)
        talk = math.exp(-calendar.days_in(self.period) / (7 * self.scenario.news_weeks))
        self.bad_news = self.bad_news * talk + lost
        reviewed = self.decided.people.sum()
        if reviewed > 0:
            lost += self.scenario.refusal_impact * self.decided.people[self.decided.refused].sum() / reviewed
        self.trust += self.scenario.trust_recovery * (1 - self.trust) - self.trust * min(lost, 1.0)
        self.taken_over[:] = 0
        self.closing |= self.regulator.orders_closing(event.kind for event in events)
        if self.closing and self.period == calendar.PERIODS - 1:
            self.platform.close(self.period)
            self.taken_over = self.insurer.take_over(self.outlook, self.scenario.takeover_loading)

    def _record(self) -> None:
        """Write down every measure."""
        owed = self.docket.owed
        for plan in range(PLANS):
            self.records.append(record.row_of(self, plan, float(owed[plan])))
        self.datacollector.collect(self)

    # What the phases need.

    def _members(self) -> Any:
        """The agents of all rows, of whatever subclass.

        Raises:
            RuntimeError: if there is not one for each row.
        """
        members, rows = self.agents.select(agent_type=Member), len(self.population)
        if len(members) != rows:
            raise RuntimeError(
                f"driver = 'agents' needs one Member for each of the {rows} rows; there are {len(members)}"
            )
        return members

    def _enrol(self) -> None:
        """Take the members of each plan off the rolls, for all who need them until people decide again."""
        self.enrolled = [members_of_plan(self.rolls, plan) for plan in range(PLANS)]

    def _people(self, rolls: np.ndarray) -> int:
        return round(measures.people(rolls) * self.population.scale)

    @staticmethod
    def _lost_by(events: list[Event], kind: str, impact: float) -> float:
        return impact * sum(event.kind == kind for event in events)

    def _most(self, plan: int) -> float:
        """Yuan that the plan's yearly cap still allows a member to be asked for."""
        if plan or self.platform.year != WAIVER_YEAR:
            return math.inf
        return float(self.scenario.yearly_cap - self.platform.paid_this_year[plan] / FEN)

    def _waived(self, plan: int, settlement: Settlement) -> int:
        """Fen that the platform pays for those who joined in 2018: their first shares of 2019."""
        if plan or self.platform.year != WAIVER_YEAR or self.platform.bills_this_year[plan] >= WAIVED_SHARES:
            return 0
        rows = self.population.joined_by(calendar.period_of(WAIVED_JOINERS), GENERAL)
        return min(settlement.collected, settlement.share * round(rows * self.population.scale))

    def _terms(self) -> Terms:
        """What decides the course of a claim of this period."""
        day = calendar.published(self.period)
        return Terms(
            self.scenario.seed,
            self.period,
            calendar.half_month(self.period),
            self.scenario.wait_periods,
            float(self.population.scale),
            np.stack([plan.benefits_at(day) for plan in self.plans]),
            np.array([plan.filing_share for plan in self.plans]),
            self._lags,
            self.scenario.concealment_found,
            self.scenario.terms_refusal,
        )

    def _look_around(self) -> Outlook:
        """What people see when they decide in this period: the world as of the last publication."""
        scenario, period = self.scenario, self.period
        day = calendar.published(period)
        fair, fair_signs = zip(*(fair_values(plan, self.health, day) for plan in self.plans), strict=True)
        price = self.platform.expected_price * (0.0 if self.closing else 1.0)
        return Outlook(
            seed=scenario.seed,
            period=period,
            half_month=calendar.half_month(period),
            readings=self.readings.astype(np.float32),
            fair=np.stack(fair),
            fair_signs=np.stack(fair_signs),
            insurer=self.insurer.premiums(np.stack(fair)),
            well_risk=self.health.well_risk,
            price=price,
            open=np.array([plan.open_at(period) and not self.closing for plan in self.plans]),
            youngest=np.array([plan.youngest for plan in self.plans]),
            oldest=np.array([plan.oldest for plan in self.plans]),
            screening=np.array([plan.screening for plan in self.plans]),
            gate=scenario.credit_gate and day < GATE_DROPPED,
            wait=scenario.wait_periods,
            trust=self.trust,
            information=scenario.information,
            signs_weight=scenario.signs_weight,
            entry_knowledge=scenario.entry_knowledge,
            exit_knowledge=scenario.exit_knowledge,
            concealment=scenario.concealment,
            hassle=scenario.joining_hassle,
            join_temperature=scenario.join_temperature,
            stay_temperature=scenario.stay_temperature,
            signs_risk=self.health.signs_risk,
        )

    def _advance_clocks(self) -> None:
        """Move the public clocks on by all that calls for attention in this period."""
        scenario, period = self.scenario, self.period
        length = calendar.days_in(period) / calendar.DAYS_PER_PERIOD
        again = scenario.reconsideration * length
        members = sum(self._people(rolls) for rolls in self.enrolled)
        told = scenario.word_of_mouth * members / (len(self.population) * self.population.scale)
        campaign = scenario.launch_advertising * _campaign(calendar.LAUNCH, scenario.launch_weeks, period)
        self.readings[UNAWARE] += campaign + (scenario.advertising + told) * length
        self.readings[AWARE] += again
        doors = (GATE_DROPPED, *(plan.opens for plan in self.plans[1:]))
        rush = sum(_campaign(day, scenario.door_weeks, period) for day in doors)
        self.readings[BARRED] += again + scenario.door_rush * rush
        self.readings[LEFT] += scenario.return_rate * length
        looks = scenario.habit + scenario.news_attention * self.bad_news
        self.readings[GENERAL : CHRONIC + 1] += looks + scenario.salience * self.platform.bill_rise


def _for_this_run(population: Population, scenario: Scenario) -> Population:
    """A copy of people made elsewhere, if they can live through this scenario.

    Raises:
        ScenarioError: if their scale or the number of periods of their health events is not that of the scenario.
    """
    if population.periods != scenario.periods:
        raise ScenarioError(
            f"periods = {scenario.periods} contradicts the population, whose health events were drawn for "
            f"{population.periods} periods; allowed: periods = {population.periods}"
        )
    if population.scale != scenario.scale:
        raise ScenarioError(
            f"scale = {scenario.scale:g} contradicts the population, a row of which stands for {population.scale:g} "
            f"people; allowed: scale = {population.scale:g}"
        )
    return population.copy()


def _campaign(start: date, weeks: float, period: int) -> float:
    """How much of a campaign that fades with this mean length falls into a period, in periods."""
    end = (calendar.published(period) - start).days
    begin = max(0, end - calendar.days_in(period))
    if end <= 0:
        return 0.0
    length = 7 * weeks
    return length / calendar.DAYS_PER_PERIOD * (math.exp(-begin / length) - math.exp(-end / length))
