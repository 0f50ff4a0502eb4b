"""Strict models of files that a user writes, and one way to say in a line what is wrong with them."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from model.errors import UserError
from model.files import shown, suggest


class Checked(BaseModel):
    """A table of a file: nothing unknown in it, every value of its own type, fixed once made."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


def checked[M: Checked](model: type[M], data: Mapping[str, Any], file: str, error: type[UserError]) -> M:
    """The data of a file as a model.

    Args:
        model: what it has to be.
        data: tables as read.
        file: its name, for the message.
        error: raised with one line, `file: key = value; allowed ...`, for the first thing that is wrong.
    """
    try:
        return model.model_validate(data)
    except ValidationError as failure:
        raise error(f"{file}: {_line(model, data, failure)}") from None
    except RecursionError:
        raise error(f"{file}: it is nested too deeply") from None


def _line(model: type[Checked], data: Mapping[str, Any], failure: ValidationError) -> str:
    """The first mistake, in words."""
    # An unknown key explains a missing one, so it comes first.
    mistakes = sorted(failure.errors(include_url=False), key=lambda mistake: mistake["type"] != "extra_forbidden")
    mistake = mistakes[0]
    key = dotted(data, mistake["loc"])
    if mistake["type"] == "extra_forbidden":
        known = _keys_at(model, mistake["loc"])
        hint = suggest(str(mistake["loc"][-1]), known) or f"; allowed: {', '.join(known)}"
        return (
            f"unknown key {shown(str(mistake['loc'][-1]))} in {dotted(data, mistake['loc'][:-1]) or 'the file'}{hint}"
        )
    if mistake["type"] == "missing":
        return f"{key} is missing"
    message = mistake["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    return f"{key} = {shown(mistake['input'])}; {message.replace('input should be', 'allowed:')}"


def dotted(data: Any, loc: tuple[int | str, ...]) -> str:
    """A place in a file as a user would write it: `plans.basic.fee`, an entry of a list by its name if it has one."""
    parts: list[str] = []
    for step in loc:
        if isinstance(data, Mapping) and step in data:
            data = data[step]
            parts.append(str(step))
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
            name = data.get("name") if isinstance(data, Mapping) else None
            parts.append(name if isinstance(name, str) and name else str(step + 1))
        elif step == loc[-1] and isinstance(data, Mapping):
            parts.append(str(step))
    return ".".join(shown(part)[1:-1] for part in parts)


def _keys_at(model: type[Checked], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that the table has in which this key stands."""
    for step in loc[:-1]:
        field = model.model_fields.get(str(step))
        inner = _model_in(field.annotation) if field else None
        model = inner or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[Checked] | None:
    """The model that a field holds, alone or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, Checked):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
