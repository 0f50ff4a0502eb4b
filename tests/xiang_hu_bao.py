"""The default pool, for tests that tell its story: its calendar, places and record."""

from agents.population import FIRST_PLAN, places_of
from experiments.sweeps.summaries import summaries_of
from model.pool import POOLS, default

POOL = default()
calendar = POOL.calendar
PLAN_NAMES = POOL.plan_names
PLACES = places_of(PLAN_NAMES)
GENERAL, SENIORS, CHRONIC = range(FIRST_PLAN, FIRST_PLAN + 3)
KINDS = POOL.kinds
OTHER, CANCER, EARLY_CANCER, THYROID, ACCIDENT = range(5)
HEADLINES = POOL.rules.record.headlines
EVENTS = POOL.rules.events
RECORD = POOLS / POOL.key / "targets.csv"
SUMMARIES = summaries_of(POOL)
