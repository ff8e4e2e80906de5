"""Docstrings say `Example:`, which mkdocstrings takes for a note; as `Examples:` it is shown as code."""

from typing import Any

import griffe


class Shown(griffe.Extension):
    """Calls the section by the name that is known."""

    def on_object(self, *, obj: griffe.Object, **_kwargs: Any) -> None:
        """Change one object's docstring."""
        if obj.docstring:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")
