"""A name of this project that Python finds somewhere else: another package, or a file of the user's."""

from importlib.util import find_spec
from pathlib import Path


def refuse_clash(name: str, package_file: str) -> None:
    """Refuse to go on with another package or module that has the name of one of ours.

    Args:
        name: the package that is needed: `agents`.
        package_file: `__file__` of the package of this project that needs it.

    Raises:
        ImportError: if Python finds that name anywhere but beside the package that needs it.
    """
    wanted = Path(package_file).resolve().parents[1] / name
    spec = find_spec(name)
    found = spec.origin if spec else None
    if found is None or Path(found).resolve() != wanted / "__init__.py":
        raise ImportError(
            f"the name {name!r} stands for {found}, and mutualaid needs {wanted}: "
            "rename your own file, or install mutualaid in an environment of its own"
        )
