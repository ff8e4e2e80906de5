"""Lay out the pages that `make docs` builds the site from.

Run: python docs/site/pages.py FOLDER

The Markdown that stands is taken as it is; the README is the start. Made here: every command's options from the
command line, the models' cards, the API's pages, which mkdocstrings fills from the docstrings, and the tutorials,
which are run.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import typer
from nbclient import NotebookClient
from nbconvert import MarkdownExporter

from scenarios.commands.main import app

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
ROOMS = {
    "twin": "The patient twin and its parts.",
    "models": "Tasks and families of the translation engine.",
    "simulators": "Biology, dose, generators, scanners and outcomes.",
    "scenarios": "Plans in time, comparisons, studies, departments.",
    "dashboards": "The dashboard.",
}


def main(folder: Path) -> None:
    """Write everything that the site shows below a folder, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(
        DOCS, folder, ignore=shutil.ignore_patterns("*.py", "*.csv", "site", "tutorials", "__pycache__")
    )
    for name in ("CHANGELOG", "CONTRIBUTING"):
        (folder / f"{name.lower()}.md").write_text(from_root(ROOT / f"{name}.md"), encoding="utf-8")
    (folder / "index.md").write_text(from_root(ROOT / "README.md"), encoding="utf-8")
    made = {"commands.md": commands(), "cards.md": cards()}
    made |= {f"api/{room}.md": api(room, said) for room, said in ROOMS.items()}
    for name, text in made.items():
        page = folder / "reference" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
    tutorials(folder / "tutorials")


def from_root(page: Path) -> str:
    """A page that lies beside the folder of documents, with links as the site has them."""
    text = page.read_text(encoding="utf-8").replace("](docs/", "](")
    for name in ("CHANGELOG", "CONTRIBUTING"):
        text = text.replace(f"]({name}.md", f"]({name.lower()}.md")
    return text


def commands() -> str:
    """Every command with its arguments and options, as the command line itself knows them."""
    group = typer.main.get_command(app)
    context = group.make_context("rt-twin", [], resilient_parsing=True)
    parts = ["# Commands", "`rt-twin COMMAND --help` says the same in a terminal."]
    for name in group.commands:
        _, verb, _ = group.resolve_command(context, [name])
        inner = verb.make_context(name, [], context, resilient_parsing=True)
        parts += _command(f"rt-twin {name}", inner.command, inner)
    return "\n\n".join(parts) + "\n"


def _command(name: str, command: Any, context: Any) -> Iterator[str]:
    """A command's section, and those of the verbs below it."""
    yield f"## {name}"
    yield from (" ".join(said.split()) for said in (command.help or "").partition("\f")[0].split("\n\n"))
    rows = [p.get_help_record(context) for p in command.params]
    if rows:
        told = [f"| `{names}` | {' '.join(said.split())} |" for names, said in filter(None, rows)]
        yield "\n".join(["| argument or option | what it is |\n|---|---|", *told])
    for other, verb in getattr(command, "commands", {}).items():
        yield from _command(
            f"{name} {other}", verb, verb.make_context(other, [], context, resilient_parsing=True)
        )


def cards() -> str:
    """The card of every network that the package carries."""
    told = "The weights that come with the package; [here](../generators.md) is how they are used and judged."
    parts = ["# Models and their cards", told]
    for card in sorted((ROOT / "models" / "weights").rglob("README.md")):
        title, _, text = card.read_text(encoding="utf-8").partition("\n")
        weights = card.parent.relative_to(ROOT / "models" / "weights")
        lower = re.sub("^#", "##", text.strip(), flags=re.MULTILINE)
        parts += [f"## {title.lstrip('# ')}", f"Weights `{weights}`.", lower]
    return "\n\n".join(parts) + "\n"


def api(room: str, said: str) -> str:
    """What a room offers by name, in the order of its stub; mkdocstrings fills it in."""
    stub = ast.parse((ROOT / room / "__init__.pyi").read_text(encoding="utf-8"))
    parts = [f"# `{room}`", said]
    for node in stub.body:
        for name in (alias.name for alias in node.names if isinstance(node, ast.ImportFrom)):
            shown = f"    options: {{ heading: {name}, toc_label: {name} }}"
            parts.append(f"::: {room}.{node.module}.{name}\n{shown}")
    return "\n\n".join(parts) + "\n"


def tutorials(folder: Path) -> None:
    """Run every tutorial, two at a time, and write it as a page with its pictures, and as a notebook."""
    folder.mkdir(parents=True)
    with ThreadPoolExecutor(2) as two:  # each has a kernel, which is a process of its own
        list(two.map(partial(_tutorial, folder=folder), sorted((DOCS / "tutorials").glob("*.py"))))


def _tutorial(source: Path, folder: Path) -> None:
    work = folder.parents[1] / "tutorials" / source.stem  # what it writes stays out of the site
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    notebook = jupytext.read(source)
    NotebookClient(notebook, timeout=1800, resources={"metadata": {"path": str(work)}}).execute()
    for cell in notebook.cells:  # what a progress bar says of a notebook without widgets is nobody's business
        if "outputs" in cell:
            cell.outputs = [o for o in cell.outputs if "TqdmWarning" not in o.get("text", "")]
    nbformat.write(notebook, folder / f"{source.stem}.ipynb")
    pictures = f"{source.stem}_files"
    text, made = MarkdownExporter().from_notebook_node(notebook, {"output_files_dir": pictures})
    for name, data in made["outputs"].items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    title, _, rest = text.partition("\n\n")
    told = f"[This page as a notebook]({source.stem}.ipynb), run as it stands by `make docs`."
    (folder / f"{source.stem}.md").write_text(f"{title}\n\n{told}\n\n{rest}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
