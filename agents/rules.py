"""What a person perceives and decides.

Pure scalar functions: state and draws in, decision out. No clock, no generator, no model inside. They are
compiled, and called by the crowd for every row and by `Member` for one. Money is per year, risks are
per person-year, draws are uniform on (0, 1).
"""

from agents.compute.compiled import compiled, compiled_inline
from agents.compute.logarithm import ln
from agents.population import AWARE, BARRED

# How a questionnaire ends.
NOTHING_TO_TELL, CONCEALED_SIGNS, TURNED_AWAY = range(3)


@compiled_inline
def patience(u: float) -> float:
    """How much intensity must add up before a person of relative rate 1 next decides: an exponential variate."""
    return -ln(u)


@compiled_inline
def next_notice(reading: float, rate: float, patience: float) -> float:
    """The reading of a public clock at which a person next decides.

    The clock shows the summed intensity of what calls for attention; a person with relative rate r meets it as a
    Poisson process of that intensity times r. Waiting for the integrated intensity to grow by an exponential
    variate is the same as drawing each period with probability 1 - exp(-r x increase), and needs one draw per
    decision instead of one per period.
    """
    return reading + patience / rate


@compiled_inline
def perceived_value(
    fair: float, fair_signs: float, frailty: float, signs: bool, information: float, signs_weight: float
) -> float:
    """What cover is worth to a person who is neutral to risk, money per year.

    `fair` is expected benefit at the average risk of their age and sex, `fair_signs` what known warning signs add
    to it. `information` 0: people think they are average; 1: they know their own frailty.
    """
    value = fair * (1.0 - information + information * frailty)
    if signs:
        value += signs_weight * fair_signs
    return value


@compiled_inline
def willingness_to_pay(value: float, markup: float, trust: float) -> float:
    """(1 + premium) x perceived value x trust, money per year: the textbook form. `markup` is 1 + premium."""
    return markup * value * trust


@compiled_inline
def reservation_price(willingness: float, insurer_price: float, insurable: bool) -> float:
    """The most a person pays here: no more than the insurer asks for the same cover, where they could get it."""
    if insurable and insurer_price < willingness:
        return insurer_price
    return willingness


@compiled_inline
def accepts(reservation: float, price: float, temperature: float, u: float) -> bool:
    """Whether they take cover at this price: a logit in the logarithm of value over price.

    As a random utility: the logarithm of value over price against a logistic variate times `temperature`, which
    is 0 for the cut-off rule of the textbook: accept whenever the reservation price covers the price.
    """
    # No jumps: the compiler makes vector instructions of it.
    against = temperature * ln(u / (1.0 - u))
    return (price <= 0.0) | ((reservation > 0.0) & (ln(reservation / price) >= against))


@compiled
def conceals(signs: bool, concealment: float, screening: float, u: float) -> int:
    """How the questionnaire ends: nothing to tell or nothing asked, concealed signs, or turned away."""
    if not signs or u >= screening:
        return NOTHING_TO_TELL
    return CONCEALED_SIGNS if u < concealment * screening else TURNED_AWAY


@compiled
def enrols(place: int, gated: bool, accepted: bool, questionnaire: int) -> int:
    """Where someone who considered this plan ends up: in it, before a closed door, or outside."""
    if not accepted or questionnaire == TURNED_AWAY:
        return AWARE
    if gated:
        return BARRED
    return place


@compiled_inline
def own_risk(well_risk: float, frailty: float, signs: bool, signs_risk: float) -> float:
    """Incidence per person-year given all that is true of a person now.

    `well_risk` is that of people of their age and sex without signs, `signs_risk` that of people with signs.
    """
    return signs_risk if signs else well_risk * frailty


@compiled
def files_claim(covered: bool, filing_share: float, u: float) -> bool:
    """Whether an illness becomes a claim."""
    return covered and u < filing_share


@compiled
def refused_share(concealed: bool, detection: float, terms_refusal: float) -> float:
    """The probability that the reviewer refuses: an illness that does not meet the terms, or concealed signs found."""
    return terms_refusal + (1.0 - terms_refusal) * detection if concealed else terms_refusal


@compiled
def refused(concealed: bool, detection: float, terms_refusal: float, u: float) -> bool:
    """Whether the reviewer refuses."""
    return u < refused_share(concealed, detection, terms_refusal)
