"""Does the wheel work where nothing else is installed: with what it needs, and with each extra alone?

Run: python tests/wheel.py [--lowest] [EXTRA ...]     from a clone; every extra where none is named

`PYTHON` names the interpreter and `TORCH` what pip is told of torch (`torch` where unset); `--lowest` installs what is
asked for directly in the oldest version that is allowed. Prints, of each environment, the seconds that pip took, its
size and the seconds of what was done in it. Every environment lies at one path, so that compiled kernels hold.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PYTHON, TORCH = os.environ.get("PYTHON", sys.executable), os.environ.get("TORCH", "torch")
OUTSIDE = """
from scenarios import Comparison, TreatmentPlan, compare
from twin import PatientTwin

def compared(patient: PatientTwin) -> Comparison:
    wrong: str = patient.gtv_cm3
    return compare(patient, [TreatmentPlan.parse("60/30")], days=30)
"""
PAGES = (
    "patients", "twin?twin=p.twin", "compare?run=run", "report?run=run", "cohort?study=study", "new?twin=p.twin",
    "scanners?twin=p.twin", "adaptive", "models", "readers",
)  # fmt: skip
TINY = "{family: FAMILY, steps: 2, widths: [8, 16], embedding: 16, batch_volumes: 2, batch_slices: 4, window: 32, MORE}"


class Environment:
    """A virtual environment with the wheel, and a folder that its commands run in."""

    def __init__(self, folder: Path, wheel: Path, lowest: bool) -> None:
        self.place, self.kept, self.work, self.wheel = folder / "env", folder / "kept", folder / "work", wheel
        self.work.mkdir()
        self.bounds = folder / "bounds.txt"
        self.bounds.write_text("\n".join(oldest(wheel)) if lowest else "")

    def installed(self, extra: str) -> float:
        """Install the wheel with an extra, over nothing but what the wheel needs; gives the seconds."""
        start = time.perf_counter()
        pip = [
            str(self.place / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "-qq",
            "--no-compile",
            "-c",
            self.bounds,
        ]
        if extra == "base":
            subprocess.run([PYTHON, "-m", "venv", self.place], check=True)
            subprocess.run([*pip, "--upgrade", "pip"], check=True)
            subprocess.run([*pip, self.wheel], check=True)
        else:
            shutil.rmtree(self.place, ignore_errors=True)
            shutil.copytree(self.kept, self.place, copy_function=os.link, symlinks=True)
            torch = [TORCH] if extra in ("learned", "train", "multi-gpu") else []
            subprocess.run([*pip, *torch, f"{self.wheel}[{extra}]"], check=True)
        subprocess.run([*pip[:3], "check"], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    def megabytes(self) -> float:
        """What lies in it, links counted once."""
        files = {f.stat().st_ino: f.stat().st_size for f in self.place.rglob("*") if f.is_file()}
        return sum(files.values()) / 1e6

    def command(self, *words: str) -> list[str]:
        """An rt-twin command of this environment."""
        return [str(self.place / "bin" / "rt-twin"), *words]

    def run(self, line: str, refused: str = "") -> str:
        """What a command prints; where a refusal is expected, it is a sentence with these words and exit status 2."""
        done = subprocess.run(
            self.command(*line.split()), cwd=self.work, capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        told = done.returncode == 2 and refused in said and "Traceback" not in said
        if not (told if refused else done.returncode == 0):
            raise SystemExit(f"rt-twin {line}: exit status {done.returncode}\n{said[-3000:]}")
        return said


def oldest(wheel: Path) -> Iterator[str]:
    """Each dependency of the wheel at the lowest version that it allows; torch is what `TORCH` says."""
    with zipfile.ZipFile(wheel) as packed:
        [file] = [name for name in packed.namelist() if name.endswith(".dist-info/METADATA")]
        told = packed.read(file).decode().partition("\n\n")[0]
    for words in re.findall(r"^Requires-Dist: (.*)$", told, re.MULTILINE):
        wanted = Requirement(words)
        for bound in wanted.specifier:
            if bound.operator == ">=" and wanted.name != "torch":
                yield f"{wanted.name}=={bound.version}"


def base(env: Environment) -> None:
    """A patient, a comparison and a study; what is missing is told."""
    assert "SIMULATED" in env.run("--help")
    env.run("phantom p.twin --seed 7")
    env.run("compare p.twin --plan 60/30 --plan 55/20 --days 30 --samples 4 --dose approximate --out run")
    env.run("cohort --n 20 --plan 60/30 --plan 55/20 --out study")
    env.run("export run --dicom dicom")
    env.run("import dicom imported.twin", refused="rt-twin[imaging]")
    env.run("app .", refused="rt-twin[app]")
    env.run("train p.twin --task denoise --family regression --out w", refused="rt-twin[learned]")
    env.run("cohort --n 20 --plan 60/30 --executor ray --out ray", refused="rt-twin[cluster]")
    env.run("calibrate --out c.json", refused="rt-twin[calibrate]")
    typed(env)


def typed(env: Environment) -> None:
    """A type checker sees through the lazy faces: of a user's file it says what is wrong and no more."""
    file = env.work / "outside.py"
    file.write_text(OUTSIDE)
    mypy = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--python-executable",
        env.place / "bin" / "python",
        file,
    ]
    said = subprocess.run(mypy, cwd=env.work, capture_output=True, text=True, check=False).stdout
    assert "outside.py:6" in said and "Found 1 error in 1 file" in said, said


def imaging(env: Environment) -> None:
    """Images are read: those that the base install wrote."""
    [folder, *_] = sorted((env.work / "dicom").rglob("d028*"))
    env.run(f"import {folder} imported.twin")


def app(env: Environment) -> None:
    """The dashboard answers on its start link, and makes every page of what lies in the folder."""
    server = subprocess.Popen(
        env.command("app", ".", "--port", "8961"), cwd=env.work, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        link = next(found[0] for line in server.stdout if (found := re.search(r"http\S+token=\S+", line)))
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with browser.open(link) as page:
            assert b"RT-Twin" in page.read()
        address, wanted = link.partition("/?")[0], ("page", "header-page")
        for page in PAGES:
            path, _, search = page.partition("?")
            asked = {
                "output": "..page.children...header-page.children..",
                "outputs": [{"id": name, "property": "children"} for name in wanted],
                "inputs": [
                    {"id": "url", "property": "pathname", "value": f"/{path}"},
                    {"id": "url", "property": "search", "value": search and f"?{search}"},
                ],
                "changedPropIds": ["url.pathname"],
            }
            body, kind = json.dumps(asked).encode(), {"Content-Type": "application/json"}
            with browser.open(
                urllib.request.Request(f"{address}/_dash-update-component", body, kind)
            ) as made:
                assert b"children" in (said := made.read()) and b"rt-fault" not in said, (page, said[:300])
    finally:
        server.terminate()
        server.wait()


def learned(env: Environment) -> None:
    """Follow-up CTs are learned."""
    env.run("compare p.twin --plan 60/30 --days 30 --samples 4 --dose approximate --out learned")
    record = json.loads((env.work / "learned" / "run.json").read_text())
    assert any("bridge" in str(image) for image in record["images"]), record["images"][:3]


def train(env: Environment) -> None:
    """Each family that needs the extra takes two steps."""
    for family, more in (("pix2pix", ""), ("diffusion", "options: {steps: 2}")):  # of each sampling
        (env.work / f"{family}.yaml").write_text(TINY.replace("FAMILY", family).replace("MORE", more))
        env.run(f"train p.twin --task denoise --family {family}.yaml --out {family}")


def multi_gpu(env: Environment) -> None:
    """What joins several GPUs starts, here on a processor."""
    begun = "from accelerate import Accelerator; assert Accelerator(cpu=True).num_processes == 1"
    subprocess.run([env.place / "bin" / "python", "-c", begun], check=True)


def cluster(env: Environment) -> None:
    """A study on Ray."""
    env.run("cohort --n 20 --plan 60/30 --executor ray --out ray")


def calibrate(env: Environment) -> None:
    """The sampler of the fit loads; a fit takes minutes."""
    subprocess.run([env.place / "bin" / "python", "-c", "from numpyro.infer import MCMC"], check=True)


def pacs(env: Environment) -> None:
    """Both ways to an archive are there."""
    names = "import twin.pacs.web, twin.pacs.dimse"
    subprocess.run([env.place / "bin" / "python", "-P", "-c", names], cwd=env.work, check=True)


PROMISED: dict[str, Callable[[Environment], None]] = {
    check.__name__.replace("_", "-"): check
    for check in (base, imaging, app, learned, train, multi_gpu, cluster, calibrate, pacs)
}


def main(words: Sequence[str]) -> None:
    """Make the environments and do in each what its extra promises."""
    extras = [word for word in words if word != "--lowest"]
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        beside = shutil.ignore_patterns(".*", "build", "runs", "*.egg-info", "__pycache__")
        source = shutil.copytree(ROOT, folder / "source", ignore=beside)
        made = [PYTHON, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source]
        subprocess.run(made, check=True)
        env = Environment(folder, next(folder.glob("*.whl")), "--lowest" in words)
        print(f"{'extra':10} {'pip, s':>8} {'MB':>8} {'done in, s':>11}")
        for extra in dict.fromkeys(["base", *(extras or PROMISED)]):
            seconds = env.installed(extra)
            size, start = env.megabytes(), time.perf_counter()
            PROMISED[extra](env)
            print(f"{extra:10} {seconds:8.1f} {size:8.0f} {time.perf_counter() - start:11.1f}", flush=True)
            if extra == "base":
                env.place.rename(env.kept)


if __name__ == "__main__":
    main(sys.argv[1:])
