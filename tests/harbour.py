"""A pool that nobody here would think of: four plans, monthly, dollars, its own table, a wait for one plan only."""

from pathlib import Path

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
MASTERS = f"from,age_from,kind,amount\n,,all,{BENEFIT}\n2033-01-01,55,illness,1000\n"


def written(folder: Path) -> Path:
    """The pool in a new folder."""
    folder.mkdir()
    for name, text in (("pool.toml", ODD), ("risks.csv", RISKS), ("masters.csv", MASTERS)):
        (folder / name).write_text(text, encoding="utf-8")
    return folder
