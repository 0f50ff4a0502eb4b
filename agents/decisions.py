"""Every decision, once: who may join, what cover is worth, who is admitted, who stays, transfers or is taken over.

Compiled functions of one row. The crowd calls them for batches, `Member` for itself, the insurer for its offer. A
decision has three steps: an offer (a plan, what it is worth to this person, what it costs), the choice
(`rules.accepts`, with a draw of the decision's own stream), and what follows from it, carried out by the last functions
of this file: they write the columns, count people where they stand, and count what happened.
"""

from typing import Any

import numpy as np

from agents import luck, rules
from agents.cohorts import COUNT_IN, COUNT_OUT, count, group_of
from agents.compute.compiled import compiled, compiled_inline
from agents.context import Behaviour, Context
from agents.counts import (
    AGED_OUT,
    CONSIDERED,
    DIED,
    ILL,
    JOINED,
    JOINER_RISK,
    LEAVER_RISK,
    LEFT_PLAN,
    NOTICED,
    RISK_UNIT,
    TRANSFERRED_IN,
    TURNED_AWAY,
)
from agents.population import (
    AWARE,
    BARRED,
    CHRONICALLY_ILL,
    CONCEALED,
    FIRST_PLAN,
    FRAILTY_UNIT,
    LEFT,
    LOW_CREDIT,
    MALE,
    NEVER,
    NO_RATE,
    OUT,
    PLACE_MASK,
    RETURNED,
    SIGNS,
    Columns,
    from_log,
    is_member,
)

NO_PLAN = -1
# Typed, so that a function is not compiled once for each of them.
_LEFT: Any = np.int64(LEFT)
_OUT: Any = np.int64(OUT)

# What a person knows of themselves.


@compiled_inline
def own_risk(columns: Columns, row: int, context: Context) -> float:
    """Incidence per person-year given all that is true of this person."""
    age = (context.half_month - 2 * columns.birth_month[row]) // 24
    return rules.own_risk(
        context.well_risk[columns.body[row] & MALE, age],
        columns.frailty[row] / FRAILTY_UNIT,
        (columns.status[row] & SIGNS) != 0,
        context.signs_risk,
    )


@compiled_inline
def willingness(
    columns: Columns, row: int, plan: int, context: Context, behaviour: Behaviour, knowledge: float
) -> float:
    """Willingness to pay for a year in this plan, when this share of what the person knows counts."""
    sex = columns.body[row] & MALE
    # Unsigned, as rows are: Numba then leaves out what looks after negative indices.
    age = np.uint64(context.half_month - 2 * columns.birth_month[row]) // np.uint64(24)
    value = rules.perceived_value(
        context.fair[plan, sex, age],
        context.fair_signs[plan, sex, age],
        columns.frailty[row] / FRAILTY_UNIT,
        (columns.status[row] & SIGNS) != 0,
        knowledge * behaviour.information,
        knowledge * behaviour.signs_weight,
    )
    return rules.willingness_to_pay(value, from_log(columns.premium[row]), context.trust)


@compiled_inline
def reservation(
    columns: Columns,
    row: int,
    plan: int,
    context: Context,
    behaviour: Behaviour,
    influence: np.ndarray,
    knowledge: float,
) -> float:
    """The most this person pays for a year in this plan: their willingness, or what the insurer asks."""
    worth = willingness(columns, row, plan, context, behaviour, knowledge)
    if influence.size:
        worth *= influence[row]
    sex = columns.body[row] & MALE
    age = np.uint64(context.half_month - 2 * columns.birth_month[row]) // np.uint64(24)
    signs = (columns.status[row] & SIGNS) != 0
    insurable = not (signs and knowledge > 0.0) and (columns.body[row] & CHRONICALLY_ILL) == 0
    return rules.reservation_price(worth, context.insurer[plan, sex, age], insurable)


@compiled_inline
def expected_price(columns: Columns, row: int, plan: int, context: Context) -> float:
    """What this person expects a year in this plan to cost."""
    year = np.uint64(columns.birth_month[row]) // np.uint64(12)
    return float(context.price[plan, columns.body[row] & MALE, year])


# Offers: a plan (-1: none), what it is worth to this person and what it costs, money per year.


@compiled_inline
def eligible_plan(half_months_old: int, body: int, context: Context) -> int:
    """The plan for people of this age and health, or -1 if there is none."""
    # A look-up instead of branches: about half would be mispredicted.
    chronic = np.uint64((body & CHRONICALLY_ILL) // CHRONICALLY_ILL)
    return int(context.plan_for[chronic, np.uint64(max(half_months_old, -1) + 1)])


@compiled_inline
def _offer(
    columns: Columns,
    row: int,
    plan: int,
    context: Context,
    behaviour: Behaviour,
    influence: np.ndarray,
    knowledge: float,
) -> tuple[float, float]:
    worth = reservation(columns, row, plan, context, behaviour, influence, knowledge)
    return worth, expected_price(columns, row, plan, context)


@compiled_inline
def offer_to_join(
    columns: Columns, row: int, plan: int, context: Context, behaviour: Behaviour, influence: np.ndarray
) -> tuple[float, float]:
    """What the plan that they may join is worth to someone outside, and what it costs, effort and entry fee included.

    A fee that is paid once counts in full against the first year.
    """
    if plan < 0:
        return 0.0, 0.0
    worth, price = _offer(columns, row, plan, context, behaviour, influence, behaviour.entry_knowledge)
    return worth, price + behaviour.joining_hassle + context.entry_fee[plan]


@compiled_inline
def offer_to_stay(
    columns: Columns, row: int, plan: int, context: Context, behaviour: Behaviour, influence: np.ndarray
) -> tuple[float, float]:
    """What their plan is worth to a member, and what it costs."""
    return _offer(columns, row, plan, context, behaviour, influence, behaviour.exit_knowledge)


@compiled_inline
def offer_to_transfer(
    columns: Columns, row: int, plan: int, context: Context, behaviour: Behaviour, influence: np.ndarray
) -> tuple[float, float]:
    """What the plan that takes over members of this age is worth to one of them, and what it costs, without effort."""
    return _offer(columns, row, plan, context, behaviour, influence, behaviour.entry_knowledge)


@compiled_inline
def accepts_transfer(row: int, worth: float, price: float, context: Context, behaviour: Behaviour) -> bool:
    """Whether they go on there."""
    u = luck.draw(context.seed, luck.JOIN, row, context.period)
    return rules.accepts(worth, price, behaviour.join_temperature, u)


@compiled_inline
def offer_of_takeover(
    columns: Columns, row: int, plan: int, context: Context, behaviour: Behaviour, loading: float
) -> tuple[float, float]:
    """What the insurer's cover is worth to a member of a plan that closes, and its price at average risk."""
    age = (context.half_month - 2 * columns.birth_month[row]) // 24
    price = (1.0 + loading) * context.fair[plan, columns.body[row] & MALE, age]
    return willingness(columns, row, plan, context, behaviour, 1.0), price


# What follows from a choice.


@compiled_inline
def enrolled_by_group(row: int, context: Context, behaviour: Behaviour) -> bool:
    """Whether a group, such as an employer, enrols this person: they join without a choice and cannot leave."""
    share = behaviour.group_share
    return bool(share > 0.0 and luck.draw(context.seed, luck.GROUP, row, 0) < share)


@compiled_inline
def may_leave(columns: Columns, row: int, plan: int, context: Context, behaviour: Behaviour) -> bool:
    """Whether a member may leave: not within the minimum stay, nor where a group enrols them."""
    stayed = context.period - np.int64(columns.joined[row])
    return bool(stayed >= context.minimum_stay[plan] and not enrolled_by_group(row, context, behaviour))


@compiled_inline
def admission(
    columns: Columns, row: int, plan: int, accepted: bool, context: Context, behaviour: Behaviour
) -> tuple[int, int]:
    """Where someone ends up who considered a plan, and how the questionnaire ended (`rules.conceals`).

    A gate bars from its plan, the questionnaire turns away; who left stays among those who left unless
    they now wait before a closed door.
    """
    was = columns.status[row] & PLACE_MASK
    if plan < 0 or not context.open[plan]:
        return (LEFT if was == LEFT else (AWARE if plan < 0 else BARRED)), rules.NOTHING_TO_TELL
    answer = rules.NOTHING_TO_TELL
    if accepted and columns.status[row] & SIGNS and not enrolled_by_group(row, context, behaviour):
        u = luck.draw(context.seed, luck.CONCEAL, row, context.period)
        answer = rules.conceals(True, behaviour.concealment, context.screening[plan], u)
    gated = context.gate[plan] and (columns.body[row] & LOW_CREDIT) != 0
    where = rules.enrols(FIRST_PLAN + plan, gated, accepted, answer)
    return (LEFT if was == LEFT and where == AWARE else where), answer


@compiled_inline
def set_wake_up(columns: Columns, row: int, patience: float, context: Context) -> None:
    """Note when this person next decides, on the public clock of the place where they now stand."""
    place = columns.status[row] & PLACE_MASK
    rate = columns.attention[row] if is_member(place) else columns.adoption[row]
    if place == OUT or rate == NO_RATE:
        columns.clock[row] = np.inf
        return
    columns.clock[row] = rules.next_notice(context.readings[place], from_log(rate), patience)


@compiled_inline
def next_patience(row: int, context: Context) -> float:
    """How long until this person decides again, from the clock stream of the next period."""
    return rules.patience(luck.draw(context.seed, luck.CLOCK, row, context.period + 1))


@compiled_inline
def _write_status(columns: Columns, row: int, status: int, context: Context, cohorts: np.ndarray) -> None:
    """Give a person another status, and count them where they now stand."""
    was, joined = columns.status[row], columns.joined[row]
    group = group_of(was, joined, context.period, context.waits)
    # Most who move are outside before and after.
    if group != group_of(status, joined, context.period, context.waits) or (was ^ status) & SIGNS:
        count(cohorts, columns, row, context.period, context.waits, COUNT_OUT)
        columns.status[row] = status
        count(cohorts, columns, row, context.period, context.waits, COUNT_IN)
    columns.status[row] = status


@compiled_inline
def _move(columns: Columns, row: int, place: int, patience: float, context: Context, cohorts: np.ndarray) -> None:
    """Bring a person to a place, with a new wake-up."""
    status = (columns.status[row] & ~np.uint8(PLACE_MASK)) | np.uint8(place)
    _write_status(columns, row, status, context, cohorts)
    set_wake_up(columns, row, patience, context)


@compiled_inline
def _add_risk(columns: Columns, row: int, context: Context, counts: np.ndarray, plan: int, what: int) -> None:
    counts[plan, what] += int(own_risk(columns, row, context) * RISK_UNIT)


@compiled_inline
def stay_or_leave(
    columns: Columns,
    row: int,
    plan: int,
    accepted: bool,
    patience: float,
    context: Context,
    behaviour: Behaviour,
    cohorts: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Carry out what a member decided who looked at the bill."""
    counts[plan, NOTICED] += 1
    if accepted or not may_leave(columns, row, plan, context, behaviour):
        set_wake_up(columns, row, patience, context)
        return
    counts[plan, LEFT_PLAN] += 1
    _add_risk(columns, row, context, counts, plan, LEAVER_RISK)
    _move(columns, row, _LEFT, patience, context, cohorts)


@compiled_inline
def join_or_not(
    columns: Columns,
    row: int,
    plan: int,
    accepted: bool,
    patience: float,
    context: Context,
    behaviour: Behaviour,
    cohorts: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Carry out what someone outside decided who heard of the pool, or thought of it again."""
    accepted = accepted or (plan >= 0 and enrolled_by_group(row, context, behaviour))
    where, answer = admission(columns, row, plan, accepted, context, behaviour)
    if plan >= 0 and context.open[plan]:
        counts[plan, CONSIDERED] += 1
        counts[plan, TURNED_AWAY] += 1 if answer == rules.TURNED_AWAY else 0
    if is_member(where):
        count(cohorts, columns, row, context.period, context.waits, COUNT_OUT)
        concealed = CONCEALED if answer == rules.CONCEALED_SIGNS else 0
        again = RETURNED if columns.joined[row] != NEVER else 0
        columns.joined[row] = context.period
        columns.status[row] = np.uint8(where) | (columns.status[row] & np.uint8(SIGNS)) | np.uint8(concealed | again)
        count(cohorts, columns, row, context.period, context.waits, COUNT_IN)
        set_wake_up(columns, row, patience, context)
        counts[plan, JOINED] += 1
        _add_risk(columns, row, context, counts, plan, JOINER_RISK)
        return
    _move(columns, row, where, patience, context, cohorts)


@compiled
def transfer_plan(columns: Columns, row: int, context: Context) -> int:
    """The plan that takes a member who becomes too old for their own, or -1 if none is open."""
    return int(context.transfer[(columns.status[row] & PLACE_MASK) - FIRST_PLAN])


@compiled_inline
def passes_transfer(columns: Columns, row: int, to: int, context: Context, behaviour: Behaviour) -> int:
    """How the questionnaire ends for a member who goes on in another plan (`rules.conceals`), if there is one."""
    if not context.transfer_asks[(columns.status[row] & PLACE_MASK) - FIRST_PLAN] or not columns.status[row] & SIGNS:
        return rules.NOTHING_TO_TELL
    u = luck.draw(context.seed, luck.CONCEAL, row, context.period)
    return rules.conceals(True, behaviour.concealment, context.screening[to], u)


@compiled_inline
def transfer_or_age_out(
    columns: Columns,
    row: int,
    to: int,
    accepted: bool,
    patience: float,
    context: Context,
    behaviour: Behaviour,
    cohorts: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Carry out that a member becomes too old for their plan, and goes on in another one or not."""
    counts[(columns.status[row] & PLACE_MASK) - FIRST_PLAN, AGED_OUT] += 1
    where = AWARE
    answer = rules.NOTHING_TO_TELL
    if to >= 0 and accepted:
        answer = passes_transfer(columns, row, to, context, behaviour)
        counts[to, TURNED_AWAY] += 1 if answer == rules.TURNED_AWAY else 0
    if to >= 0 and accepted and answer != rules.TURNED_AWAY:
        counts[to, JOINED] += 1
        counts[to, TRANSFERRED_IN] += 1
        _add_risk(columns, row, context, counts, to, JOINER_RISK)
        where = FIRST_PLAN + to
    if answer == rules.CONCEALED_SIGNS:
        status = columns.status[row] | np.uint8(CONCEALED)
        _write_status(columns, row, status, context, cohorts)
    _move(columns, row, where, patience, context, cohorts)


@compiled
def ages_out(columns: Columns, row: int, context: Context) -> bool:
    """Whether this person is in a plan that ends at their age."""
    place = columns.status[row] & PLACE_MASK
    age = context.half_month - 2 * columns.birth_month[row]
    return is_member(place) and age >= context.ends[place - FIRST_PLAN]


# Health events, which nobody decides.


@compiled_inline
def change_signs(columns: Columns, row: int, context: Context, cohorts: np.ndarray) -> None:
    """Warning signs appear, or pass."""
    _write_status(columns, row, columns.status[row] ^ np.uint8(SIGNS), context, cohorts)


@compiled_inline
def end_membership(
    columns: Columns, row: int, ill: bool, context: Context, cohorts: np.ndarray, counts: np.ndarray
) -> bool:
    """Someone falls critically ill or dies; returns whether they were a member."""
    place = columns.status[row] & PLACE_MASK
    if is_member(place):
        counts[place - FIRST_PLAN, ILL if ill else DIED] += 1
    _move(columns, row, _OUT, np.inf, context, cohorts)
    return is_member(place)
