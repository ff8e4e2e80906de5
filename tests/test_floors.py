"""The rooms stand on floors, their folders in an order; no circles, nothing too large, and looking in costs little."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOOR = {"twin": 1, "models": 2, "simulators": 3, "scenarios": 4, "dashboards": 5}
# Folders and files of a room, lower ones first; a file that is not named lies below them all.
ORDER = {
    "twin": "sampling volume field inputs dose clinical contours structures nomenclature scan observation history files"
    " patient anatomy dicom export pacs importer",
    "models": "data networks losses metrics family families hub training",
    "simulators": "core tumour belief anatomy registration calibration outcome dose photon planner treatment insilico"
    " scanners tasks learned published kinetics names",
    "scenarios": "executors plans policies records report engine matching validation comparison sensitivity study"
    " sweeps clinic datasets benchmark suites readers commands",
    "dashboards": "access files viewer figures tables jobs parts shell pages safety app command user",
}
MOST_FILES = 16
MANY = {
    "models/families": "family",
    "simulators/tasks": "task",
    "dashboards/pages": "page",
    "scenarios/commands": "verb",
}
MOST_LINES = 60
HEAVY = ("torch", "monai", "diffusers", "lifelines", "numba", "scipy", "SimpleITK")
FILES = sorted(p for room in FLOOR for p in (ROOT / room).rglob("*.py"))
MODULES = {
    p.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): p
    for p in FILES
}


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def faces() -> dict[str, str]:
    """Each name of a lazy face -> the module that it comes from."""
    found = {}
    for stub in (p for room in FLOOR for p in (ROOT / room).rglob("__init__.pyi")):
        package = stub.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for node in ast.parse(stub.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom):
                found |= {f"{package}.{alias.name}": f"{package}.{node.module}" for alias in node.names}
    return found


@cache
def imported(module: str) -> frozenset[str]:
    """The project's modules that a module imports: within functions and for types too, faces resolved to files."""
    found = set()
    for node in ast.walk(tree(MODULES[module])):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] in FLOOR}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in FLOOR:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if name in MODULES else faces().get(name, node.module))
    return frozenset(found - {module})


def place(module: str) -> int:
    """Where in its room a module stands: 0 is below all that are named."""
    room, *rest = module.split(".")
    order = ORDER[room].split()
    return 1 + order.index(rest[0]) if rest and rest[0] in order else 0


@pytest.mark.parametrize("module", MODULES)
def test_a_file_imports_only_from_below(module):
    own = module.split(".")[0]
    for other in imported(module):
        room = other.split(".")[0]
        assert FLOOR[room] <= FLOOR[own], f"{module} imports {other}, of a floor above"
        if room == own and other in MODULES and other != own:
            assert place(other) <= place(module), f"{module} imports {other}, of a folder above"


def test_every_folder_has_its_place():
    for room in FLOOR:
        folders = {p.parent.name for p in (ROOT / room).glob("*/__init__.py")}
        assert folders <= set(ORDER[room].split()), f"say where in {room} these stand"


def test_no_files_import_each_other_in_a_circle():
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, f"a circle: {' -> '.join((*way[way.index(module) :], module))}"
        if module in done:
            return
        for other in sorted(imported(module) & MODULES.keys()):
            visit(other, (*way, module))
        done.add(module)

    for module in MODULES:
        visit(module, ())


def test_no_import_by_string_jumps_a_floor():
    for module, file in MODULES.items():
        strings = {
            n.value for n in ast.walk(tree(file)) if isinstance(n, ast.Constant) and isinstance(n.value, str)
        }
        for text in strings:
            name = text.partition(":")[0]
            if name in MODULES and "." in name:
                assert FLOOR[name.split(".")[0]] <= FLOOR[module.split(".")[0]], f"{module} names {name}"


def test_no_folder_holds_too_many_files():
    for folder in {f.parent for f in FILES}:
        name, count = folder.relative_to(ROOT).as_posix(), len(list(folder.glob("*.py"))) - 1
        assert count <= MOST_FILES or name in MANY, f"{name} holds {count} files"


@pytest.mark.parametrize("module", MODULES)
def test_functions_are_short_and_names_do_not_repeat_their_folder(module):
    *_, folder, name = ("", *module.split("."))
    assert name != folder and not name.startswith(f"{folder}_")
    for node in ast.walk(tree(MODULES[module])):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            kernel = any("jit" in ast.dump(decorator) for decorator in node.decorator_list)
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert kernel or lines <= MOST_LINES, f"{node.name} has {lines} lines"


@pytest.mark.parametrize(
    "statement",
    [
        "import twin, models, simulators, scenarios, dashboards",
        "from scenarios.commands.main import app",
        "from scenarios import compare",
    ],
)
def test_light_imports_load_nothing_heavy(statement):
    code = f"import sys; {statement}; print(*(m for m in {HEAVY!r} if m in sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    assert loaded.split() == []


def test_each_face_offers_what_it_names_and_no_name_is_a_submodules():
    packages = sorted(m for m, p in MODULES.items() if p.name == "__init__.py")
    code = f"""
import importlib, types
for name in {packages!r}:
    package = importlib.import_module(name)
    for public in getattr(package, "__all__", ()):
        assert not isinstance(getattr(package, public), types.ModuleType), (name, public)
        assert public in dir(package), (name, public)
for name in {sorted(MODULES)!r}:
    importlib.import_module(name)
for name in {packages!r}:
    package = importlib.import_module(name)
    for public in getattr(package, "__all__", ()):
        assert not isinstance(getattr(package, public), types.ModuleType), (name, public)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
