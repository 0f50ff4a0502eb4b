"""The controls: pool, scenario, seed, and every parameter, made from its own declaration, in groups."""

from collections.abc import Callable
from dataclasses import replace

import solara

from experiments.page.choice import Choice, Rules, policy_names, pool_names, pool_of, scenario_names, why
from model.scenario import OF_EVERY_POOL, Declared

GROUPS = {
    "People": "potential_population",
    "Who could join, by age": "uptake_children",
    "Health": "incidence_multiplier",
    "What a person knows and decides": "information",
    "Hearing, noticing, coming back": "launch_advertising",
    "Trust": "regulator_impact",
    "Claims": "lag_months",
    "The alternative and the end": "insurer_loading",
    "How it is computed": "expected_claims",
}
"""Title of a group -> its first parameter, in the order of their declaration."""
OF_THE_POOL = "Rules of the pool"
"""Title of the parameters that only this pool declares."""
NO_POLICY = "none"
STEPS = 200
"""Steps of a slider from one end to the other."""


def groups(declared: Declared) -> dict[str, list[str]]:
    """The parameters of each group."""
    of_first = {first: title for title, first in GROUPS.items()}
    found: dict[str, list[str]] = {}
    title = next(iter(GROUPS))
    for name in declared.parameters:
        title = of_first.get(name, title) if name in OF_EVERY_POOL else OF_THE_POOL
        found.setdefault(title, []).append(name)
    return found


def slides(name: str, declared: Declared) -> bool:
    """Whether a slider shows a parameter: one whose bounds are near each other. Others have a field."""
    par, kind = declared.parameters[name], declared.types[name]
    return (kind is not bool and par.high - par.low <= 2) or (kind is int and par.high <= 24)


@solara.component
def Parameter(name: str, rules: Rules, change: Callable[[str], None]) -> None:  # noqa: N802 - as solara names components
    """One parameter: its label, its control, and what is allowed; a value that is not is said below it."""
    declared = rules.declared
    par, kind = declared.parameters[name], declared.types[name]
    text = rules.text(name)
    refused = rules.refused(name)
    changed = name in rules.changes
    with solara.Column(gap="0px", classes=["parameter", "changed"] if changed else ["parameter"]):
        if kind is bool:
            on = text.strip().lower() in {"true", "yes", "1"}
            solara.Switch(label=par.label, value=on, on_value=lambda value: change("true" if value else "false"))
            return
        unit = "" if par.unit == "1" else f" ({par.unit})"
        with solara.Tooltip(f"{par.low:g} to {par.high:g} ({par.unit}); {par.source}"):
            solara.Text(f"{par.label}{unit}", classes=["parameter-label"])
        if slides(name, declared) and not refused:
            whole = kind is int
            step = 1 if whole else (par.high - par.low) / STEPS
            slider = solara.SliderInt if whole else solara.SliderFloat
            value = kind(float(text))

            def slide(moved: float) -> None:
                # A slider gives 0.30000000000000004 where it shows 0.3, and moves a value that is not on its grid.
                if abs(moved - value) > step / 2:
                    change(f"{moved:.6g}")

            with solara.Row(gap="8px", style="align-items: center"):
                slider("", value=value, min=par.low, max=par.high, step=step, on_value=slide, thumb_label=False)
                solara.Text(f"{value:.4g}", classes=["parameter-value"])
        else:
            solara.InputText("", value=text, on_value=change, error=refused or False, dense=True, message=None)


@solara.component
def RulesOf(title: str, rules: Rules, change: Callable[[Rules], None]) -> None:  # noqa: N802
    """The rules of one world: its scenario, its policy, and its parameters in groups that open."""
    opened, set_opened = solara.use_state("")
    solara.Select(
        f"Scenario of the {title}",
        value=rules.scenario,
        values=list(scenario_names(pool_of(rules.pool))),
        on_value=lambda name: change(Rules(name, pool=rules.pool, policy=rules.policy)),
    )
    solara.Select(
        f"Policy of the {title}",
        value=rules.policy or NO_POLICY,
        values=[NO_POLICY, *policy_names(pool_of(rules.pool))],
        on_value=lambda name: change(replace(rules, policy="" if name == NO_POLICY else name)),
    )
    solara.Text(why(rules.scenario, rules.policy), classes=["parameter-label"])
    declared = rules.declared
    of_group = groups(declared)
    for group, names in of_group.items():
        changed = [name for name in names if name in rules.changes]
        label = f"{group} ({len(changed)} changed)" if changed else group
        open_ = opened == group
        solara.Button(
            label,
            icon_name="mdi-chevron-down" if open_ else "mdi-chevron-right",
            text=True,
            classes=["group"],
            on_click=lambda group=group, open_=open_: set_opened("" if open_ else group),
        )
        if open_:
            for name in names:
                Parameter(name, rules, lambda text, name=name: change(rules.changed(name, text.strip()))).key(name)
    for name in rules.changes:
        if name not in of_group.get(opened, []):
            solara.Text(f"{declared.parameters[name].label}: {rules.text(name)} (was {rules.own_text(name)})")


@solara.component
def Controls(choice: Choice, change: Callable[[Choice], None], refused: str) -> None:  # noqa: N802
    """Everything that a visitor can choose; it takes effect at Reset."""
    world, set_world = solara.use_state("first world")
    second = choice.second
    with solara.Card("Choose", classes=["choose"]):
        solara.Text("Takes effect at Reset.", classes=["parameter-label"])
        solara.Select(
            "Pool", value=choice.pool, values=pool_names(), on_value=lambda name: change(choice.of_pool(name))
        )
        solara.Text(pool_of(choice.pool).rules.why, classes=["parameter-label"])
        solara.InputText(
            "Seed of every draw", value=choice.seed, on_value=lambda text: change(replace(choice, seed=text.strip()))
        )
        solara.Switch(
            label="A second world beside the first: same people, same random numbers",
            value=second is not None,
            on_value=lambda on: change(replace(choice, second=choice.first if on else None)),
        )
        if refused:
            solara.Error(refused, dense=True)
        if second is not None:
            solara.ToggleButtonsSingle(world, ["first world", "second world"], on_value=set_world, dense=True)
        if second is not None and world == "second world":
            RulesOf("second world", second, lambda rules: change(replace(choice, second=rules))).key("second")
        else:
            RulesOf("first world", choice.first, lambda rules: change(replace(choice, first=rules))).key("first")
