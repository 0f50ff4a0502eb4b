"""MutualAidModel: the phases of a period, in order.

A Mesa model like any other: `step`, `DataCollector`, `mesa.batch_run` and `SolaraViz` work on it unchanged.
"""

import math
import secrets
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import mesa
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agents.cohorts import LIFELONG, Ages, InForce, empty_cohorts, end_waits, in_force
from agents.context import Context
from agents.counts import JOINED, LEFT_PLAN, TRANSFERRED_IN, empty_counts
from agents.crowd.driver import Crowd, Illness, count_everybody
from agents.crowd.wake_ups import room_for
from agents.influence import NONE, Influence, Rule
from agents.insurer import Insurer
from agents.member import Member, as_illness
from agents.platform import PlanSettlement, Platform
from agents.population import FIRST_PLAN, NEVER, PLACE_MASK, Population
from agents.regulator import Regulator
from agents.sharing import SharingRule
from model import attention, claims, memory
from model.attention import Bills
from model.behaviour import behaviour_of
from model.cover import Benefits
from model.events import events_in, slowdown_in
from model.health import Health, health_of
from model.ledger import PATIENTS, PLATFORM, Ledger
from model.measures import Settled
from model.phases import Stopwatch, listed, phase
from model.plans import DatedRules, Plan, doors, early_joiners, plan_for, platform_rules, timeline, waits_of
from model.report import Collector, Report
from model.scenario import Scenario, ScenarioError
from model.synthesis import synthesize
from model.trust import Mood, after_news

DRIVERS = ("crowd", "agents")


class Reviewed(NamedTuple):
    """What became of claims in a period."""

    filed: NDArray[np.float64]
    """Claims filed by plan, shape (plans,)."""
    decided: claims.Decided
    outstanding: claims.Outstanding


class MutualAidModel(mesa.Model):  # type: ignore[misc]
    """A mutual-aid platform, its plans and the people who could join them.

    Args:
        scenario: all parameters; the default scenario if none is given.
        rng: the seed. Without one it is the scenario's own; without a scenario it is drawn, so that Mesa's replicates
            differ, and `model.scenario.seed` and the reporter `seed` name it.
        driver: `crowd` runs all rows in one compiled pass; `agents` makes a Mesa agent of every row and steps them
            in shuffled order, with the same results bit for bit (for some thousand rows).
        member: the class of those agents, `Member` or a subclass.
        population: people made elsewhere, instead of those of the scenario; the model works on a copy of them.
        health: risks and health chain, instead of those of the scenario.
        rules: behavioural rules of your own (`agents/influence.py`).
        sharing: for a plan by its name, how it divides its claims (`agents/sharing.py`); equal shares by default.
        overrides: parameters that differ from the scenario.

    Raises:
        ValueError: for a driver, a class of members or a plan that does not exist or cannot take part.
        ScenarioError: for parameters that are not allowed, a population that does not fit into memory, or one whose
            scale or health events are not those of the scenario.

    Example:
        from model import MutualAidModel, Scenario

        model = MutualAidModel(Scenario(pool="teaching", scale=100), rng=7)
        history = model.run()
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        rng: int | str | None = None,
        driver: str = "crowd",
        member: type[Member] = Member,
        population: Population | None = None,
        health: Health | None = None,
        rules: Sequence[Rule] = (),
        sharing: dict[str, SharingRule] | None = None,
        **overrides: Any,
    ) -> None:
        _check_driver(driver, member)
        if scenario is None and rng is None:
            rng = secrets.randbelow(2**31)
        chosen = (Scenario() if scenario is None else scenario).replace(rng=rng, **overrides)
        if population is None:
            memory.check(chosen)
        super().__init__(scenario=chosen)
        self.driver = driver
        self.period = 0
        """The period that the next step simulates, and during a step the one that it simulates; 0 at the launch."""
        self.stopwatch = Stopwatch()
        # The world.
        self.health = health or health_of(chosen)
        self.calendar = chosen.calendar
        self.plan_names = chosen.pool.plan_names
        (_, self.in_effect, self.plans), *self._changes = timeline(chosen)
        """The parameters and plans in effect now; `_changes` are those to come, with the period from which on."""
        self.waits = waits_of(chosen, self.plans)
        """Waiting period in periods, by plan, of those who join for the first time and again, and period of joining,
        shape (plans, 2, 256)."""
        self._dated = DatedRules(self.plans)
        self._shortest_wait = int(self.waits[self.waits > 0].min(initial=NEVER))
        self._doors = doors(chosen)
        self._early = early_joiners(chosen)
        self.ages = ages_of(self.plans)
        self._opens = np.array([self.calendar.period_of(plan.opens) for plan in self.plans])
        self.benefits = Benefits(self.plans, self.health)
        self.cover = self.benefits.on(self.calendar.published(0))
        self.behaviour = behaviour_of(chosen)
        # The people.
        self.population = (
            synthesize(chosen, self.health) if population is None else _for_this_run(population, chosen, self.plans)
        )
        self._potential = len(self.population) * self.population.scale
        self.influence = NONE
        self._influence = Influence(rules, len(self.population))
        self.cohorts = empty_cohorts(len(self.plans), int(self.waits.max()))
        count_everybody(self.population, 0, self.waits, self.cohorts)
        self.counts = empty_counts(len(self.plans))
        """What happened to people so far in this period (`agents.counts`), shape (plans, 11)."""
        self.diagnosed: list[tuple[int, int, int, bool]] = []
        # The institutions and what they keep.
        self._sharing = sharing or {}
        self.platform = Platform(self, platform_rules(chosen, self.plans, self._sharing, self.health))
        self.insurer = Insurer(self, loading=chosen.insurer_loading, takeover_loading=chosen.takeover_loading)
        self.regulator = Regulator(self, impact=chosen.regulator_impact, closes=chosen.closing)
        self.ledger = Ledger()
        self.risk = claims.risk_of(self.health)
        self.claims = claims.Claims(
            self.benefits.amounts,
            len(self.plans),
            chosen.periods,
            claims.terms_of(chosen, self.plans),
            expected=chosen.expected_claims,
        )
        # What everybody sees.
        self.mood = Mood(trust=1.0, bad_news=0.0, leaving=0.0)
        self.closing = False
        """Whether the closing of the pool was announced."""
        self.readings = np.zeros(room_for(FIRST_PLAN + len(self.plans)))
        """The public clock of each place, shape (8,) or (16,)."""
        self.occupied = np.ones(len(self.plans), dtype=np.bool_)
        """Plans that may have members: had some at the launch, or opened; shape (plans,)."""
        self.in_force = self._in_force()
        self.occupied = self.in_force.number > 0
        self.context = self._context()
        self.report = Report(chosen.pool)
        self.datacollector = Collector(self)
        if driver == "crowd":
            self._crowd = Crowd(self.population, self.cohorts)
        else:
            member.create_agents(self, len(self.population), np.arange(len(self.population)))

    @property
    def history(self) -> pd.DataFrame:
        """One row per period and plan; columns: period, date, plan, and every measure (`model/measures.py`)."""
        return self.report.history()

    @property
    def trust(self) -> float:
        """Trust in the platform, between 0 and 1."""
        return self.mood.trust

    def describe(self) -> str:
        """The phases of a period in order and, after a run, the milliseconds that each took in all.

        Returns:
            A line for each phase.
        """
        return listed(type(self), self.stopwatch)

    def step(self) -> None:
        """One period, up to and including its settlement."""
        context = self.attend()
        counts = self.decide(context)
        ill = self.apply_health_events(context, counts)
        reviewed = self.review_claims(ill)
        settlements = self.settle(reviewed)
        self.mood = self.hear_news(counts, reviewed)
        taken_over = self.close(context)
        self.record(counts, reviewed, settlements, taken_over)
        self.period += 1
        if self.period >= self.scenario.periods:
            self.running = False

    def run(self, progress: Callable[[int], None] | None = None) -> pd.DataFrame:
        """Step until the end.

        Args:
            progress: called after each period with the number of periods done.

        Returns:
            The history: one row per period and plan, with every measure (`docs/measures.md`).
        """
        return self.simulate(progress).history()

    def simulate(self, progress: Callable[[int], None] | None = None) -> Report:
        """Step until the end, without making a data frame of what was measured.

        Args:
            progress: called after each period with the number of periods done.

        Returns:
            What was measured, from which single measures, totals and the history can be asked.
        """
        while self.running:
            self.step()
            if progress is not None:
                progress(self.period)
        return self.report

    # The phases.

    @phase("rules change; waiting periods end; what calls for attention")
    def attend(self) -> Context:
        """Waiting periods end, the public clocks move on; returns what people see when they decide.

        Returns:
            What people see when they decide in this period.
        """
        while self._changes and self._changes[0][0] <= self.period:
            self._change_rules(*self._changes.pop(0)[1:])
        half_month = self.calendar.half_month(self.period)
        if self.period >= self._shortest_wait:
            end_waits(self.cohorts, self.period, len(self.plans), half_month, self.ages)
        self.cover = self.benefits.on(self.calendar.published(self.period))
        members = round(sum(self.in_force.number.tolist()) * self.population.scale)
        self.readings += attention.increase(
            self.in_effect,
            self._doors,
            self.period,
            members / self._potential,
            self.mood,
            Bills(self.platform.recent_bill, self.platform.bill_rise),
        )
        self.context = self._context()
        self.occupied |= self.context.open
        self.influence = self._influence.of_period(self.population, self.context)
        return self.context

    @phase("hear and join, notice and leave")
    def decide(self, context: Context) -> NDArray[np.int64]:
        """People hear of the pool and join, notice their bill and leave; returns what is counted.

        Args:
            context: what people see.

        Returns:
            What is counted of them (`agents.counts`), rows, shape (plans, 11).
        """
        if self.driver == "crowd":
            self.counts = self._crowd.decide(context, self.behaviour, self.influence)
        else:
            self.counts = empty_counts(len(self.plans))
            self._members().shuffle_do("decide")
        return self.counts

    @phase("age and fall ill")
    def apply_health_events(self, context: Context, counts: NDArray[np.int64]) -> Illness:
        """The health events of this period come; adds to `counts`. Returns the members who fell ill.

        Expected claims are those of the members who have decided and not yet met their fate.

        Args:
            context: what people see.
            counts: event counts of the period; added to.

        Returns:
            The members who fell ill.
        """
        if self.scenario.expected_claims:
            self.claims.expect(
                self.cohorts, self.ages, self.occupied, self.cover, self.risk, self.period, context.half_month
            )
        if self.driver == "crowd":
            return self._crowd.apply_health_events(context, self.behaviour, self.influence, counts)
        self.diagnosed.clear()
        self._members().shuffle_do("meet_fate")
        return as_illness(self.diagnosed)

    @phase("file and review claims")
    def review_claims(self, ill: Illness) -> Reviewed:
        """Claims are filed and reviewed; both slow down in some months of the pool.

        Args:
            ill: the members who fell ill in this period.

        Returns:
            Claims filed and decided, and those outstanding.
        """
        scenario, period = self.in_effect, self.period
        half_month = self.calendar.half_month(period)
        if not scenario.expected_claims:
            sampled = claims.sampled_claims(
                self.population.columns, ill, self.health, self.cover, period, half_month, self.claims.terms
            )
            self.claims.enter(sampled, period, half_month)
        slow = slowdown_in(scenario.pool, period)
        filed = self.claims.file(period, scenario.number(slow.filing) if slow else 0.0)
        slowed = scenario.number(slow.review) if slow else 1.0
        due, backlog = self.claims.awaiting(period - scenario.review_periods)
        decided = self.claims.review(self.platform.reviews(due, backlog, slowed), period - scenario.review_periods)
        if slowed == 1.0:
            self.platform.hire(due, backlog, self._most_reviews())
        return Reviewed(filed, decided, self.claims.outstanding(period))

    @phase("settle and publish")
    def settle(self, reviewed: Reviewed) -> list[PlanSettlement]:
        """Each plan's approved claims are shared, paid and published.

        Args:
            reviewed: claims of the period.

        Returns:
            What each plan collects and pays, in minor units of the currency.
        """
        platform, period, day = self.platform, self.period, self.calendar.published(self.period)
        closing = self.in_effect.pool.closing_day
        pays_all = self.in_effect.closing and closing is not None and self.calendar.debited(period) >= closing
        self.in_force = self._in_force()
        granted = reviewed.decided.by_class[:, :, claims.GRANTED].tolist()
        dated = self._dated.on(day)
        entry_fees = self._entry_fees(dated.entry_fee)
        platform.begin_settlement(day.year)
        settlements = []
        for plan, terms in enumerate(self.plans):
            early = None
            if platform.waives(plan):
                early = self.population.joined_by(self._early[plan], FIRST_PLAN + plan)
            settlement = platform.settle(
                plan,
                number=int(self.in_force.number[plan]),
                members=self.in_force.members[plan],
                scale=self.population.scale,
                benefits=self.benefits.paid,
                approved=granted[plan],
                approved_by_cell=reviewed.decided.people[plan, :, claims.GRANTED],
                terms=dated.terms[plan],
                entry_fees=entry_fees[plan],
                early=early,
                pays_all=pays_all,
            )
            self.ledger.book(period, terms.name, settlement)
            settlements.append(settlement)
        platform.publish(settlements)
        return settlements

    @phase("news and trust")
    def hear_news(self, counts: NDArray[np.int64], reviewed: Reviewed) -> Mood:
        """Events and refusals move trust; bad news, and others who left, make members look.

        Args:
            counts: event counts of the period.
            reviewed: claims of the period.

        Returns:
            Trust and what people talk about, as of the end of the period.
        """
        events = events_in(self.in_effect.pool, self.period)
        criticism = self.regulator.speak([event.what for event in events if event.kind == "regulator"])
        self.closing |= self.regulator.orders_closing(event.kind for event in events)
        decided = float(reviewed.decided.by_class.sum())
        refused = float(reviewed.decided.by_class[:, :, claims.REFUSED].sum()) / decided if decided else 0.0
        stayed, left = int(self.in_force.number.sum()), int(counts[:, LEFT_PLAN].sum())
        leavers = left / (stayed + left) if left else 0.0
        return after_news(self.mood, self.in_effect, self.period, events, criticism, refused, leavers)

    @phase("close")
    def close(self, context: Context) -> NDArray[np.int64]:
        """In the last period of a pool that closes, the platform pays what is owed, and the insurer takes members over.

        Returns those rows by plan, shape (plans,).

        Args:
            context: what people see.

        Returns:
            Rows that the insurer takes over, shape (plans,).
        """
        if not self.closing or self.period != self.calendar.periods - 1:
            return np.zeros(len(self.plans), dtype=np.int64)
        owed = self.claims.outstanding(self.period)
        amount = round(float((owed.reported + owed.unreported).sum()) * self.scenario.pool.minor)
        self.ledger.transfer(self.period, PLATFORM, PATIENTS, amount, "aid after the closing")
        return self.insurer.take_over(self.population, context, self.behaviour)

    @phase("record")
    def record(
        self,
        counts: NDArray[np.int64],
        reviewed: Reviewed,
        settlements: list[PlanSettlement],
        taken_over: NDArray[np.int64],
    ) -> None:
        """Write down every measure.

        Args:
            counts: event counts of the period.
            reviewed: claims of the period.
            settlements: of each plan.
            taken_over: rows that the insurer took over, shape (plans,).
        """
        self.report.add(
            Settled(
                scale=self.population.scale,
                minor=self.scenario.pool.minor,
                counts=counts,
                in_force=self.in_force,
                settlements=settlements,
                filed=reviewed.filed,
                decided=reviewed.decided,
                outstanding=reviewed.outstanding,
                taken_over=taken_over,
                trust=self.mood.trust,
                expected_price=tuple(self.platform.expected_price),
            )
        )
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

    def _change_rules(self, scenario: Scenario, of_plans: tuple[Plan, ...]) -> None:
        """Let other parameters and rules of the plans be in effect from now on, as a dated policy says."""
        self.in_effect, self.plans, self._dated = scenario, of_plans, DatedRules(of_plans)
        self._doors, self._early, self.ages = doors(scenario), early_joiners(scenario), ages_of(of_plans)
        self.behaviour = behaviour_of(scenario)
        self.claims.terms = claims.terms_of(scenario, of_plans)
        self.platform.change_rules(platform_rules(scenario, of_plans, self._sharing, self.health))
        self.insurer.loading, self.insurer.takeover_loading = scenario.insurer_loading, scenario.takeover_loading
        self.regulator.impact, self.regulator.closes = scenario.regulator_impact, scenario.closing

    def _entry_fees(self, fees: NDArray[np.float64]) -> list[int]:
        """Minor units paid by those who joined each plan in this period, transfers left out."""
        joined = self.counts[:, JOINED] - self.counts[:, TRANSFERRED_IN]
        paid = fees * joined * self.population.scale * self.scenario.pool.minor
        return [round(amount) for amount in paid.tolist()]

    def _most_reviews(self) -> float:
        """Claims that can be reviewed a period at most."""
        day = self.calendar.published(self.period)
        limits = self.in_effect.pool.rules.review_limits
        return min((self.in_effect.number(limit.claims) for limit in limits if day < limit.until), default=math.inf)

    def _in_force(self) -> InForce:
        """Who is in each plan now, and who could be."""
        return in_force(
            self.cohorts,
            self.calendar.half_month(self.period),
            self.ages,
            self.occupied,
            self.health.well_risk,
            self.health.signs_risk,
        )

    def _context(self) -> Context:
        """What people see when they decide in this period: the world as of the last publication."""
        period, cover = self.period, self.cover
        dated, is_open = self._dated.on(self.calendar.published(period)), (self._opens <= period) & (not self.closing)
        price = np.zeros_like(self.platform.price_table) if self.closing else self.platform.price_table
        return Context(
            seed=self.scenario.seed,
            period=period,
            half_month=self.calendar.half_month(period),
            readings=self.readings.astype(np.float32),
            fair=cover.fair,
            fair_signs=cover.fair_signs,
            insurer=self.insurer.premiums(cover.fair),
            well_risk=self.health.well_risk,
            signs_risk=self.health.signs_risk,
            price=price,
            open=is_open,
            plan_for=plan_for(self.plans, (self._opens <= period).tolist()),
            ends=self.ages.ends,
            transfer=np.array([p.transfer if p.transfer >= 0 and is_open[p.transfer] else -1 for p in self.plans]),
            transfer_asks=np.array([plan.transfer_asks for plan in self.plans]),
            screening=dated.screening,
            gate=dated.gate,
            waits=self.waits,
            entry_fee=dated.entry_fee,
            minimum_stay=dated.minimum_stay,
            trust=self.mood.trust,
        )


def ages_of(of_plans: Sequence[Plan]) -> Ages:
    """Which ages the plans have."""
    return Ages._make(np.array([getattr(plan, name) for plan in of_plans]) for name in Ages._fields)


def _check_driver(driver: str, member: type[Member]) -> None:
    """Refuse a driver that does not exist, or a class of members that it cannot run.

    Raises:
        ValueError: says which.
    """
    if driver not in DRIVERS:
        raise ValueError(f"driver = {driver!r} is not allowed: {' or '.join(DRIVERS)}")
    if not issubclass(member, Member):
        raise ValueError(f"member = {member.__name__} is no subclass of Member")
    if member is not Member and driver != "agents":
        raise ValueError(f"member = {member.__name__} needs driver = 'agents'")


def _for_this_run(population: Population, scenario: Scenario, plans: Sequence[Plan]) -> Population:
    """A copy of people made elsewhere, if they can live through this scenario.

    Raises:
        ScenarioError: if their scale or the number of periods of their health events is not that of the scenario, or a
            plan has a member of an age that it cannot have.
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
    columns = population.columns
    for number, plan in enumerate(plans):
        of_plan = columns.status & PLACE_MASK == FIRST_PLAN + number
        ages = scenario.calendar.half_month(0) - 2 * columns.birth_month[of_plan].astype(np.int64)
        until = f", to {plan.ends / 24:.1f}" if plan.ends < LIFELONG else ""
        for age in ages[(ages < plan.youngest) | (ages > plan.ends)]:
            raise ScenarioError(
                f"plan = {plan.name} contradicts the population, which has a member of {age / 24:.1f} years in it; "
                f"allowed: from {plan.youngest / 24:.1f} years on{until}"
            )
    return population.copy()
