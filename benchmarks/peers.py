"""The toy pool in neighbouring engines, each in its own idiom.

Every function makes the people and returns a function that runs all periods and returns the share of members at the
end. The engines are imported where they are used: they live in an environment of their own, and each may be missing.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from benchmarks import toy

Run = Callable[[], float]


def _period_by_period(step: Callable[[], Any], pool: toy.Pool, rows: int) -> Run:
    """Run a model whose persons count themselves in the pool."""

    def run() -> float:
        for _ in range(toy.PERIODS):
            pool.members = pool.cases = 0
            step()
            pool.settle(pool.members, pool.cases)
        return pool.members / rows

    return run


def mesa(rows: int) -> Run:
    """Plain Mesa agents, stepped in order."""
    from mesa import Agent, Model

    class Person(toy.Life, Agent):  # type: ignore[misc]
        def __init__(self, model: Any, risk: float, reservation: float) -> None:
            super().__init__(model)
            self.state, self.risk, self.reservation = toy.OUTSIDE, risk, reservation

    model = Model(rng=1)
    model.pool = toy.Pool()
    people = toy.people(rows)
    Person.create_agents(model, rows, people.risk.tolist(), people.reservation.tolist())
    return _period_by_period(lambda: model.agents.do("step"), model.pool, rows)


def agentpy(rows: int) -> Run:
    """AgentPy's agents in an AgentList."""
    import agentpy as ap

    class Person(toy.Life, ap.Agent):  # type: ignore[misc]
        def setup(self) -> None:
            self.state = toy.OUTSIDE

    model = ap.Model({"seed": 1})
    model.sim_setup()
    model.pool = toy.Pool()
    persons = ap.AgentList(model, rows, Person)
    people = toy.people(rows)
    persons.risk = ap.AttrIter(people.risk.tolist())
    persons.reservation = ap.AttrIter(people.reservation.tolist())
    return _period_by_period(persons.step, model.pool, rows)


def mesa_frames(rows: int) -> Run:
    """mesa-frames with its Polars agents: one data frame, masks and columns."""
    import polars as pl
    from mesa_frames import AgentSetPolars, ModelDF

    class Persons(AgentSetPolars):  # type: ignore[misc]
        def __init__(self, model: Any) -> None:
            super().__init__(model)
            people = toy.people(rows)
            ids = pl.arange(rows, eager=True, dtype=pl.Int64)
            state = np.zeros(rows, dtype=np.uint8)
            self.add(pl.DataFrame({"unique_id": ids, "state": state, **people._asdict()}))

        def step(self) -> None:
            rng, pool = self.model.random, self.model.pool
            rates = pl.Series(np.array(toy.RATES, dtype=np.float32))
            due = pl.Series(rng.random(rows, dtype=np.float32)) < rates.gather(self.agents["state"])
            u = pl.Series(rng.random(int(due.sum()), dtype=np.float32))
            joins = toy.accepts(self.agents["reservation"].filter(due), pool.price, u)
            self[due, "state"] = joins.cast(pl.UInt8)
            ill = pl.Series(rng.random(rows, dtype=np.float32)) < self.agents["risk"]
            cases = int((self.agents["state"].filter(ill) == toy.MEMBER).sum())
            self[ill, "state"] = pl.Series(np.full(int(ill.sum()), toy.OUT, dtype=np.uint8))
            pool.settle(int((self.agents["state"] == toy.MEMBER).sum()), cases)

    model = ModelDF(seed=1)
    model.pool = toy.Pool()
    model.agents += Persons(model)

    def run() -> float:
        for _ in range(toy.PERIODS):
            model.step()
        return model.pool.members / rows

    return run


def starsim(rows: int) -> Run:
    """A Starsim module: states in arrays, one named distribution a decision (common random numbers)."""
    import starsim as ss

    class Membership(ss.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.define_states(
                ss.BoolState("member"), ss.BoolState("out"), ss.FloatArr("risk"), ss.FloatArr("reservation")
            )
            outside, member, _ = toy.RATES
            self.hear, self.notice, self.choice = ss.bernoulli(p=outside), ss.bernoulli(p=member), ss.random()
            self.fall = ss.bernoulli(p=lambda module, sim, uids: module.risk[uids])
            self.pool = toy.Pool()

        def init_post(self) -> None:
            super().init_post()
            people = toy.people(rows)
            self.risk[:], self.reservation[:] = people.risk, people.reservation

        def step(self) -> None:
            living = ~self.out
            due = ss.uids.cat(
                self.hear.filter((living & ~self.member).uids), self.notice.filter((living & self.member).uids)
            )
            self.member[due] = toy.accepts(self.reservation[due], self.pool.price, self.choice.rvs(due))
            ill = self.fall.filter(living.uids)
            cases = int(np.count_nonzero(self.member[ill]))
            self.member[ill], self.out[ill] = False, True
            self.pool.settle(int(np.count_nonzero(self.member.values)), cases)

    membership = Membership()
    sim = ss.Sim(
        n_agents=rows, start=0, dur=toy.PERIODS - 1, modules=membership, rand_seed=1, verbose=0, copy_inputs=False
    )
    sim.init()

    def run() -> float:
        sim.run()
        if sim.t.npts != toy.PERIODS:
            raise RuntimeError(f"{sim.t.npts} periods instead of {toy.PERIODS}")
        return membership.pool.members / rows

    return run


@cache
def _laser_step() -> Callable[..., tuple[int, int]]:
    """The compiled step for LASER's columns; the generator is Numba's own, one a thread."""
    import numba

    accepts = numba.njit(error_model="numpy")(toy.accepts)
    hear, notice, _ = toy.RATES
    outside, member, out = np.uint8(toy.OUTSIDE), np.uint8(toy.MEMBER), np.uint8(toy.OUT)

    @numba.njit(parallel=True, nogil=True, error_model="numpy")
    def live(state: Any, risk: Any, reservation: Any, price: Any) -> tuple[int, int]:
        members = cases = 0
        for row in numba.prange(state.size):
            if state[row] == out:
                continue
            if np.random.random() < (hear if state[row] == outside else notice):  # noqa: NPY002 - LASER's own way
                joins = accepts(reservation[row], price, np.random.random())  # noqa: NPY002
                state[row] = member if joins else outside
            if np.random.random() < risk[row]:  # noqa: NPY002
                if state[row] == member:
                    cases += 1
                state[row] = out
            if state[row] == member:
                members += 1
        return members, cases

    return live


def laser(rows: int) -> Run:
    """A LASER frame and a compiled parallel step."""
    from laser.core import LaserFrame
    from laser.core.random import seed

    seed(1)
    live = _laser_step()
    frame = LaserFrame(rows)
    frame.add_scalar_property("state", dtype=np.uint8, default=toy.OUTSIDE)
    frame.add_scalar_property("risk", dtype=np.float32)
    frame.add_scalar_property("reservation", dtype=np.float32)
    people = toy.people(rows)
    frame.risk[:], frame.reservation[:] = people.risk, people.reservation
    pool = toy.Pool()

    def run() -> float:
        for _ in range(toy.PERIODS):
            pool.settle(*live(frame.state, frame.risk, frame.reservation, np.float32(pool.price)))
        return pool.members / rows

    return run


ENGINES: dict[str, Callable[[int], Run]] = {
    "mesa": mesa,
    "agentpy": agentpy,
    "mesa-frames": mesa_frames,
    "starsim": starsim,
    "laser-core": laser,
}
