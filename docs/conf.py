"""The site of the documentation: `make docs`."""

from importlib import metadata

project = "Mutual aid"
author = "The mutual-aid simulator authors"
copyright = author
release = metadata.version("mutualaid")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
# Written anew from the code before every build; see `experiments/documentation.py`.
autodoc_typehints = "description"
autodoc_member_order = "bysource"
autoclass_content = "class"

html_theme = "furo"
html_title = "Mutual aid: who stays?"
html_show_copyright = False


def _examples_as_code(_app, _what, _name, _object, _options, lines: list[str]) -> None:
    """Show what stands under `Example:` in a docstring as Python."""
    if "Example:" in lines:
        at = lines.index("Example:")
        lines[at : at + 1] = ["**Example**", "", ".. code-block:: python", ""]


def setup(app) -> None:
    """Called by Sphinx: before napoleon, which would set examples as text."""
    app.connect("autodoc-process-docstring", _examples_as_code, priority=400)
