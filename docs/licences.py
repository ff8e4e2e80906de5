"""Lists the licences of all that the package needs: `make licences` writes docs/licences.md.

What is said comes from the metadata of the installed distributions; what a wheel bundles may have terms of its own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FILE = Path(__file__).with_suffix(".md")
EXTRAS = {
    "": "base install", "imaging": "images of patients", "app": "dashboard", "learned": "learned models",
    "train": "training", "cluster": "Ray cluster", "pacs": "archives of images", "calibrate": "calibration",
}  # fmt: skip
# Permissive ones, and those that ask for changes of their own files only (MPL); no GPL, no non-commercial terms.
ALLOWED = frozenset(
    (
        "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python", "ISC",
        "LLVM-exception", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib",
    )
)  # fmt: skip
_WORDS = (  # how metadata without an SPDX expression calls them
    (r"apache", "Apache-2.0"), (r"mozilla public|mpl", "MPL-2.0"), (r"python software", "PSF-2.0"), (r"\bisc\b", "ISC"),
    (r"3-clause|bsd.3", "BSD-3-Clause"), (r"\bbsd\b", "BSD"), (r"\bmit\b", "MIT"), (r"unlicense", "Unlicense"),
)  # fmt: skip


def needed(extra: str = "") -> dict[str, str]:
    """Name -> licence of what an install of the package brings, as far as it is installed here.

    Args:
        extra: of the package; the base install where empty.
    """
    project = tomllib.loads((FILE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(project["optional-dependencies"][extra] if extra else ())]
    found: dict[str, str] = {}
    waiting = list(_asked(asked, frozenset()))
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        found[name] = licence_of(name)
        for other in _asked(requires, extras):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return dict(sorted(found.items()))


def _asked(requires: list[str], extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for text in requires:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def licence_of(name: str) -> str:
    """The licence that a distribution states: an SPDX expression, else what its words amount to.

    Args:
        name: of the distribution.
    """
    metadata = distribution(name).metadata
    if metadata.get("License-Expression"):
        return metadata["License-Expression"]
    classifiers = [
        c.rpartition(" :: ")[2] for c in metadata.get_all("Classifier") or [] if c.startswith("License")
    ]
    stated = classifiers or [(metadata.get("License") or "").strip().partition("\n")[0]]
    return " OR ".join(dict.fromkeys(map(_spdx, stated))) or "none stated"


def _spdx(words: str) -> str:
    """What words amount to; the words themselves where they are an expression already, or not known."""
    if allowed(words) or re.search(r"\s(AND|OR|WITH)\s|GPL|General Public", words):
        return words
    return next((spdx for pattern, spdx in _WORDS if re.search(pattern, words, re.IGNORECASE)), words)


def allowed(licence: str) -> bool:
    """Whether all terms of an expression are on the list; of those joined by OR, one.

    Args:
        licence: an SPDX expression.

    Example:
        >>> allowed("Apache-2.0 WITH LLVM-exception AND MIT"), allowed("MIT OR GPL-3.0"), allowed("GPL-3.0 AND MIT")
        (True, True, False)
    """
    choices = re.split(r"\s+OR\s+", licence.replace("(", "").replace(")", ""))
    return any(set(re.split(r"\s+(?:AND|WITH)\s+", choice)) <= ALLOWED for choice in choices)


def page() -> str:
    """The document, Markdown."""
    base = needed()
    parts = [
        "# Licences of what RT-Twin needs\n",
        "RT-Twin itself is Apache-2.0. These are the distributions that its installs bring, with the licences\n"
        "that they state; `make licences` writes this page. No licence beyond those on the list in\n"
        "`docs/licences.py` may enter: a test refuses it.\n"
        "Shipped with it: plotly.js (MIT, `dashboards/assets/plotly-basic.LICENSE`).\n",
    ]
    for extra, words in EXTRAS.items():
        own = {name: licence for name, licence in needed(extra).items() if not extra or name not in base}
        title = f"{words[0].upper()}{words[1:]}" + (f" (`rt-twin[{extra}]`)" if extra else "")
        rows = [f"| {name} | {licence} |" for name, licence in own.items()]
        parts.append("\n".join([f"## {title}\n", "| distribution | licence |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
