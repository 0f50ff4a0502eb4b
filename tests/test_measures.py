"""Every measure means what it says: recomputed person by person from an agent-by-agent run, by plain code.

Nothing here calls the rules, the platform, the claims or the measures of the simulator. It reads the people before and
after each phase, the draws (`agents.luck`, held to an independent recomputation in `test_luck`) and the tables.
"""

import math
from collections import defaultdict
from datetime import date

import numpy as np
import pytest
from xiang_hu_bao import calendar

from agents import luck
from model.measures import MEASURES
from model.model import MutualAidModel
from model.scenario import Scenario

PLANS = ("general", "seniors", "chronic")
PLACES = ("unaware", "aware", "barred", "left", "out", "general", "seniors", "chronic")
OPENS = (date(2018, 10, 16), date(2019, 5, 8), date(2020, 5, 13))
AGES = ((1, 60 * 24), (60 * 24, 71 * 24), (1, 60 * 24))
"""Half-months of age, from and below, at which people may be in a plan."""
ACCIDENT = 4

RICH = {
    "scale": 250_000,
    "incidence_multiplier": 10.0,
    "mortality_multiplier": 10.0,
    "concealment": 0.5,
    "accident_share": 0.3,
    "case_cap": 0.0213,
    "yearly_cap": 61.7,
    "filing_share": 0.9,
    "seniors_filing_share": 0.95,
    "terms_refusal": 0.31,
    "seniors_screening": 0.6,
    "signs_months": 6.0,
    "information": 0.7,
    "review_start": 900.0,
    "review_limit": 2_000_000.0,
    "review_growth": 5.0,
    "potential_population": 200_000_000,
    "contagion": 0.3,
    "level_salience": 0.01,
    "adoption_age_slope": 0.5,
}
"""Some 800 people to whom much happens."""


class Watched(MutualAidModel):
    """A model that keeps what its people were before the decisions, after them, and after what fate brought."""

    def decide(self, context):
        self.before = self.people()
        counts = super().decide(context)
        self.decided_people = self.people()
        return counts

    def people(self):
        """Every person as a dictionary."""
        columns = self.population.columns
        names = [name for name in columns._fields if name not in {"signs", "illness", "death"}]
        rows = zip(*(getattr(columns, name).tolist() for name in names), strict=True)
        return [self.person(dict(zip(names, row, strict=True))) for row in rows]

    @staticmethod
    def person(raw):
        return {
            "place": PLACES[raw["status"] % 16],
            "signs": raw["status"] // 16 % 2 == 1,
            "concealed": raw["status"] // 32 % 2 == 1,
            "sex": raw["body"] % 2,
            "chronic": raw["body"] // 2 % 2 == 1,
            "low_credit": raw["body"] // 4 % 2 == 1,
            "birth": 2 * raw["birth_month"],
            "joined": raw["joined"],
            "frailty": raw["frailty"] / 4096,
            "markup": math.exp(raw["premium"] / 2048),
            "clock": raw["clock"],
        }


def mean(values):
    return sum(values) / len(values) if values else math.nan


class Recomputed:
    """The measures of one period after another, from what the people did."""

    def __init__(self, model):
        self.model, self.scenario, self.health = model, model.scenario, model.health
        self.claims = defaultdict(lambda: defaultdict(float))
        """People by block (period of filing, plan, benefit, refused), then by sex and year of birth."""
        self.years = defaultdict(float)
        """Summed age at diagnosis of each block."""
        self.capacity = self.scenario.review_start
        self.carry = [0, 0, 0]
        self.trust = 1.0
        self.price = [
            self.scenario.advertised_price,
            self.scenario.seniors_advertised_price,
            self.scenario.advertised_price,
        ]
        self.billed = [False] * 3
        self.bills_of_2019 = 0
        self.paid_in_2019 = 0

    def risk(self, person, period):
        """Own incidence a year."""
        if person["signs"]:
            return 24 * self.health.signs_exit * self.health.true_alarm
        age = (calendar.half_month(period) - person["birth"]) // 24
        return self.health.leaving[person["sex"], age] * self.health.blue[person["sex"], age] * person["frailty"]

    def benefit(self, plan, age, kind, day):
        """Yuan, by the rules of the plans."""
        full = 300_000 if age < 40 and plan != 1 else 100_000
        other, _, early, thyroid, accident = range(5)
        if plan == 0:
            if kind != thyroid or day < date(2019, 5, 1):
                return full
            return 50_000 if day < date(2020, 1, 1) else 0
        if kind in {other, accident} or (plan == 2 and kind == thyroid):
            return 0
        return 50_000 if plan == 1 and kind in {early, thyroid} else full

    def fair(self, person, plan, period, day, with_signs):
        """Expected benefit at average risk, or what known signs add to it, yuan a year."""
        sex, age = person["sex"], (calendar.half_month(period) - person["birth"]) // 24
        kinds = self.health.kinds[sex, age]
        benefit = sum(kinds[kind] * self.benefit(plan, age, kind, day) for kind in range(5))
        if with_signs:
            return 24 * self.health.signs_exit * self.health.true_alarm * benefit
        return self.health.incidence[sex, age] * benefit

    def worth(self, person, plan, period, day, knowledge):
        """Willingness to pay without regard to the insurer, yuan a year."""
        known = knowledge * self.scenario.information
        value = self.fair(person, plan, period, day, False) * (1 - known + known * person["frailty"])
        if person["signs"]:
            value += knowledge * self.scenario.signs_weight * self.fair(person, plan, period, day, True)
        return person["markup"] * value * self.trust

    def accepts(self, worth, price, noise, u):
        """A logit in ln(worth / price)."""
        if price <= 0:
            return True
        return worth > 0 and math.log(worth / price) >= noise * math.log(u / (1 - u))

    def plan_for(self, person, period):
        """The plan made for someone of this age and health, or none."""
        age = calendar.half_month(period) - person["birth"]
        plan = 1 if age >= 60 * 24 else 2 if person["chronic"] else 0
        return plan if AGES[plan][0] <= age < AGES[plan][1] else None

    def measures(self, period):
        """Every measure, as {plan: {measure: value}}."""
        scenario, scale = self.scenario, self.scenario.scale
        day = calendar.published(period)
        half_month = calendar.half_month(period)
        before, decided, after = self.model.before, self.model.decided_people, self.model.people()
        columns = self.model.population.columns
        closing = day > date(2022, 1, 7)  # people decide before they hear of what was announced on 28 December
        readings = {place: np.float32(self.model.readings[k]) for k, place in enumerate(PLACES)}
        result = {}
        for number, plan in enumerate(PLANS):
            low, high = AGES[number]
            members = [p for p in after if p["place"] == plan]
            outside = [
                p
                for p in after
                if p["place"] in {"unaware", "aware", "barred", "left"} and low <= half_month - p["birth"] < high
            ]
            joined = [q for p, q in zip(before, decided, strict=True) if q["place"] == plan != p["place"]]
            moved_in = [q for p, q in zip(decided, after, strict=True) if q["place"] == plan != p["place"]]
            left = [p for p, q in zip(before, decided, strict=True) if p["place"] == plan and q["place"] == "left"]
            gone = [k for k, (p, q) in enumerate(zip(decided, after, strict=True)) if p["place"] == plan != q["place"]]
            noticed = [p for p in before if p["place"] == plan and np.float32(p["clock"]) <= readings[plan]]
            considered, turned_away = [], 0
            for row, p in enumerate(before):
                due = np.float32(p["clock"]) <= readings[p["place"]]
                if p["place"] in {*PLANS, "out"} or not due or self.plan_for(p, period) != number:
                    continue
                if OPENS[number] > day or closing:
                    continue
                considered.append(p)
                worth = self.worth(p, number, period, day, 1.0)
                insurable = not p["signs"] and not p["chronic"]
                asked = (1 + scenario.insurer_loading) * self.fair(p, number, period, day, False)
                worth = min(worth, asked) if insurable else worth
                u = luck.draw(scenario.seed, luck.JOIN, row, period)
                wants = self.accepts(worth, self.price[number] + scenario.joining_hassle, scenario.join_temperature, u)
                u = luck.draw(scenario.seed, luck.CONCEAL, row, period)
                asks = (1.0, scenario.seniors_screening, 1.0)[number]
                turned_away += wants and p["signs"] and scenario.concealment * asks <= u < asks
            result[plan] = {
                "members": scale * len(members),
                "nonmembers": scale * len(outside),
                "joined": scale * (len(joined) + len(moved_in)),
                "transferred_in": scale * len(moved_in),
                "left": scale * len(left),
                "aged_out": scale * sum(after[k]["place"] != "out" for k in gone),
                "ill": scale * sum(after[k]["place"] == "out" and columns.illness[k] == period for k in gone),
                "died": scale * sum(after[k]["place"] == "out" and columns.death[k] == period for k in gone),
                "taken_over": 0,
                "turned_away": scale * turned_away,
                "considered": scale * len(considered),
                "noticed": scale * len(noticed),
                "member_mean_age": mean([(half_month - p["birth"]) / 24 for p in members]),
                "member_mean_risk": mean([self.risk(p, period) for p in members]),
                "joiner_mean_risk": mean([self.risk(p, period) for p in joined + moved_in]),
                "leaver_mean_risk": mean([self.risk(p, period) for p in left]),
                "nonmember_mean_risk": mean([self.risk(p, period) for p in outside]),
            }
        self.new_claims(period, day)
        self.file_and_review(period, day, result)
        self.settle(period, day, after, result)
        self.believe(period, result)
        if period == 78:
            self.take_over(period, day, after, result)
        return result

    def new_claims(self, period, day):
        """The claims of those who fell ill, or those to be expected of everybody who is covered."""
        scenario = self.scenario
        for row, p in enumerate(self.model.decided_people):
            if p["place"] not in PLANS:
                continue
            plan = PLANS.index(p["place"])
            half_months = calendar.half_month(period) - p["birth"]
            sex, age, year = p["sex"], half_months // 24, p["birth"] // 24
            files = (scenario.filing_share, scenario.seniors_filing_share, scenario.filing_share)[plan]
            refused = scenario.terms_refusal
            if p["concealed"]:
                refused = 1 - (1 - refused) * (1 - scenario.concealment_found)
            waits = period - p["joined"] < scenario.wait_periods
            if scenario.expected_claims:
                ill = math.exp(-self.health.mortality[sex, age] / 24)
                if p["signs"]:
                    ill *= self.health.signs_exit * self.health.true_alarm
                else:
                    leaves = 1 - math.exp(-self.health.leaving[sex, age] / 24)
                    ill *= leaves * self.health.blue[sex, age] * p["frailty"]
                for kind in range(5):
                    benefit = self.benefit(plan, age, kind, day)
                    if benefit and (kind == ACCIDENT or not waits):
                        people = scenario.scale * files * ill * self.health.kinds[sex, age, kind]
                        for lag, share in enumerate(self.lags()):
                            for outcome, chance in ((False, 1 - refused), (True, refused)):
                                block = period + lag, plan, benefit, outcome
                                self.enter(block, sex, year, people * share * chance, half_months / 24)
                continue
            if self.model.population.columns.illness[row] != period:
                continue

            def draw(stream, row=row):
                return luck.draw(scenario.seed, stream, row, period)

            kind = int(np.searchsorted(np.cumsum(self.health.kinds[sex, age]), draw(luck.KIND), side="right"))
            benefit = self.benefit(plan, age, kind, day)
            if benefit and (kind == ACCIDENT or not waits) and draw(luck.FILE) < files:
                lag = int(np.searchsorted(np.cumsum(self.lags()), draw(luck.LAG), side="right"))
                block = period + lag, plan, benefit, bool(draw(luck.REVIEW) < refused)
                self.enter(block, sex, year, scenario.scale, half_months / 24)

    def enter(self, block, sex, year, people, age):
        """Claims of a block: those filed in one period by members of one plan, of one benefit and outcome."""
        self.claims[block][sex, year] += people
        self.years[block] += people * age

    def take(self, due, share):
        """Take a share of what was filed in one period, whole sampled claims; returns [(block, sex, people, years)]."""
        taken = []
        running, given = 0.0, 0
        for block in sorted(block for block in self.claims if block[0] == due):
            before, gone = sum(self.claims[block].values()), defaultdict(float)
            for cell in sorted(self.claims[block]):
                part = self.claims[block][cell] * share
                if not self.scenario.expected_claims:
                    running += self.claims[block][cell]
                    part, given = math.floor(running * share + 1e-6) - given, math.floor(running * share + 1e-6)
                self.claims[block][cell] -= part
                gone[cell[0]] += part
            for sex, people in gone.items():
                years = self.years[block] * people / before if before else 0.0
                taken.append((block, sex, people, years))
            self.years[block] -= sum(years for of, _, _, years in taken if of == block)
        return taken

    def open_claims(self, periods):
        """[(block, people)] of the claims filed in these periods and not decided."""
        return [(block, sum(cells.values())) for block, cells in self.claims.items() if block[0] in periods]

    def lags(self):
        """Chance of each lag of 0 to 12 half-months: gamma of shape 4, cut off after the thirteenth."""
        x = [2 * n / self.scenario.lag_months for n in range(14)]
        below = [1 - math.exp(-v) * (1 + v + v**2 / 2 + v**3 / 6) for v in x]
        return [(below[n + 1] - below[n]) / below[13] for n in range(13)]

    def file_and_review(self, period, day, result):
        """Claims become due, wait and are decided in the order in which they were filed."""
        scenario = self.scenario
        covid = date(2020, 2, 1) <= day <= date(2020, 4, 30)
        if covid:
            before = {block: dict(self.claims[block]) for block in list(self.claims) if block[0] == period}
            for block, sex, _, years in self.take(period, scenario.covid_filing):
                later = (period + 1, *block[1:])
                self.years[later] += years
                for cell, people in before[block].items():
                    self.claims[later][cell] += (people - self.claims[block][cell]) * (cell[0] == sex)
        filed = [sum(people for block, people in self.open_claims({period}) if block[1] == plan) for plan in range(3)]
        first = period - scenario.review_periods
        backlog = sum(people for _, people in self.open_claims(range(first)))
        planned = sum(people for _, people in self.open_claims({first}))
        planned += min(backlog, max(1.0, backlog / scenario.review_clearing))
        left = min(planned, math.floor(self.capacity * (scenario.covid_review if covid else 1.0)))
        decided = []
        for due in range(period - scenario.review_periods + 1):
            size = sum(people for _, people in self.open_claims({due}))
            # Claims of one settlement share what capacity is left.
            decided += self.take(due, min(1.0, left / size) if size > 1e-9 else 0.0)
            left = max(0.0, left - size)
        waiting = self.open_claims(range(period + 1))
        if not covid:
            growth = 1 + scenario.review_growth
            least = max(self.capacity / growth, scenario.review_start)
            most = self.capacity * growth
            if day < date(2019, 9, 8):
                most = min(most, scenario.review_limit)
            self.capacity = min(max(planned, least), most)
        # A list of (plan, benefit, refused, people, years).
        self.decided = [(*block[1:], people, years) for block, _, people, years in decided]
        for number, plan in enumerate(PLANS):
            granted = [c for c in self.decided if c[0] == number and not c[2]]
            recipients = sum(c[3] for c in granted)
            of_women = [people for block, sex, people, _ in decided if block[1] == number and not block[3] and sex == 0]
            owed = [
                sum(b[2] * people for b, people in self.open_claims(filings) if b[1] == number and not b[3])
                for filings in (range(period + 1), range(period + 1, period + 14))
            ]
            result[plan] |= {
                "claims_filed": filed[number],
                "claims_refused": sum(c[3] for c in self.decided if c[0] == number and c[2]),
                "claims_waiting": sum(people for block, people in waiting if block[1] == number),
                "recipients": recipients,
                "recipients_female": sum(of_women),
                "recipient_mean_age": sum(c[4] for c in granted) / recipients if recipients else math.nan,
                "benefits_paid": round(100 * sum(c[1] * c[3] for c in granted)) / 100,
                "outstanding": sum(owed),
                "outstanding_reported": owed[0],
                "outstanding_ibnr": owed[1],
            }

    def settle(self, period, day, after, result):
        """Who pays what, in fen."""
        scenario = self.scenario
        for number, plan in enumerate(PLANS):
            granted = [c for c in self.decided if c[0] == number and not c[2]]
            members = round(result[plan]["members"])
            aid = round(100 * result[plan]["benefits_paid"])
            rate = 0.10 if number == 0 and day < date(2018, 11, 27) else 0.08
            fee = round(aid * rate)
            cap = (scenario.case_cap, 1.0, 1.0)[number]
            share = collected = 0
            platform = aid + fee
            if members:
                excess = round(100 * sum(c[3] * max(0, c[1] * (1 + rate) - cap * members) for c in granted))
                due = aid + fee - excess - self.carry[number]
                share = max(0, math.floor(due / members + 0.5))
                platform = excess
                if number == 0 and day.year == 2019 and share + self.paid_in_2019 > 100 * scenario.yearly_cap:
                    share = round(100 * scenario.yearly_cap) - self.paid_in_2019
                    platform += due - share * members
                collected = share * members
                self.carry[number] += collected + platform - aid - fee
            waived = 0
            if number == 0 and day.year == 2019:
                self.paid_in_2019 += share
                if share and self.bills_of_2019 < 2:
                    early = [p for p in after if p["place"] == "general" and p["joined"] <= 5]
                    waived = share * round(len(early) * scenario.scale)
                self.bills_of_2019 += share > 0
            if calendar.debited(period) >= date(2021, 12, 28):
                waived = collected
            self.billed[number] |= share > 0
            if self.billed[number]:
                self.price[number] += scenario.price_memory * (24 * share / 100 - self.price[number])
            result[plan] |= {
                "fee": fee / 100,
                "share": share / 100,
                "collected": (collected - waived) / 100,
                "platform_paid": (platform + waived) / 100,
                "carry": self.carry[number] / 100,
                "expected_price": self.price[number],
            }

    LOSSES = {  # noqa: RUF012 - settlements in which the record has something to say against the platform
        "2018-12-P1": ["regulator"],
        "2020-09-P1": ["regulator"],
        "2020-11-P2": ["regulator"],
        "2020-12-P1": ["scandal"],
        "2021-02-P1": ["rival_closure"],
        "2021-04-P1": ["rival_closure", "rival_closure"],
        "2021-05-P1": ["rival_closure"],
        "2021-06-P2": ["rival_closure"],
    }

    def believe(self, period, result):
        """Trust after the news of the settlement."""
        scenario = self.scenario
        lost = sum(getattr(scenario, f"{what}_impact") for what in self.LOSSES.get(calendar.label(period), []))
        reviewed = sum(c[3] for c in self.decided)
        if reviewed:
            lost += scenario.refusal_impact * sum(c[3] for c in self.decided if c[2]) / reviewed
        self.trust += scenario.trust_recovery * (1 - self.trust) - self.trust * min(lost, 1)
        for plan in PLANS:
            result[plan]["trust"] = self.trust

    def take_over(self, period, day, after, result):
        """Who takes the insurer's offer in the last settlement, at the trust with which it was entered."""
        self.trust = self.model.context.trust
        for row, p in enumerate(after):
            if p["place"] in PLANS:
                plan = PLANS.index(p["place"])
                worth = self.worth(p, plan, period, day, 1.0)
                price = (1 + self.scenario.takeover_loading) * self.fair(p, plan, period, day, False)
                u = luck.draw(self.scenario.seed, luck.TAKEOVER, row, period)
                if self.accepts(worth, price, self.scenario.join_temperature, u):
                    result[p["place"]]["taken_over"] += self.scenario.scale


@pytest.mark.parametrize("expected_claims", [True, False])
def test_every_measure_is_what_the_people_say(expected_claims):
    model = Watched(Scenario(**(RICH | {"expected_claims": expected_claims})), driver="agents")
    recomputed = Recomputed(model)
    seen = defaultdict(float)
    wrong = []
    while model.running:
        period = model.period
        model.step()
        by_plan = recomputed.measures(period)
        for plan, owner in enumerate(PLANS):
            row, by_hand = model.report.row(plan), by_plan[owner]
            assert set(by_hand) == set(MEASURES)
            for name, value in by_hand.items():
                seen[name] += abs(value) if value == value else 0.0
                if not np.isclose(row[name], value, rtol=1e-9, atol=1e-6, equal_nan=True):
                    wrong.append(f"{calendar.label(period)} {owner}.{name}: {row[name]}, recomputed {value}")
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong[:20])
    # And each had something to say.
    assert not [name for name in MEASURES if not seen[name] > 0]
