"""A comparison of plans for one patient, and the run folder that it is written to and read from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from pathlib import Path

from scenarios.records.run import Run, RunImage, may_write, read_record, read_run_table
from scenarios.records.schema import SCHEMAS, SIMULATED
from scenarios.report.page import write_report
from scenarios.report.plots import Plots
from twin import InputError, PatientTwin
from twin.files.atomic import atomic_folder
from twin.files.lock import held
from twin.files.nifti import read, write


class Comparison(Run):
    """Runs of one twin under several plans with common random numbers."""

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Comparison:
        """Read a run folder; images are read from disk when first used.

        Args:
            path: of the folder.

        Raises:
            InputError: no such run, a newer format, or a broken or missing file.
        """
        return load(path)

    @property
    def plot(self) -> Plots:
        """Plots: `run.plot.volumes()`, `dvh`, `outcomes` and `failures`; `by="matplotlib"` for that library's."""
        return Plots(self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the run folder with its report, whole or not at all; a run of the same request is replaced.

        Raises:
            InputError: the folder exists with other content, or the disk is full.
        """
        target = Path(path)
        with held(target), atomic_folder(target, replace=may_write(target, self.record.request)) as part:
            self.twin.save(part / self.record.baseline)
            for name, frame in self.tables.items():
                frame.write_parquet(part / f"{name}.parquet", compression="zstd")
            for place in {Path(i.record.file).parent for i in self.images}:
                (part / place).mkdir(parents=True, exist_ok=True)
            files = {i.record.file: i.volume for i in self.images}  # plans share the scans of day 0
            with ThreadPoolExecutor(2) as pool:  # compression releases the interpreter's lock
                written = pool.map(lambda file: write(part / file, files[file], SIMULATED), files)
                write_report(self, part / "report.html")
                list(written)  # what could not be written is raised
            (part / "run.json").write_text(self.record.model_dump_json(indent=1), encoding="utf-8")


def load(path: str | PathLike[str]) -> Comparison:
    """Read a run folder; images are read from disk when first used.

    Raises:
        InputError: no such run, a newer format, or a broken or missing file.
    """
    folder = Path(path)
    record = read_record(folder)
    tables = {name: read_run_table(folder, name) for name in SCHEMAS}
    images = []
    for item in record.images:
        file = (folder / item.file).resolve()
        if not file.is_relative_to(folder.resolve()):
            raise InputError(f"{folder}/run.json names a file outside the run: {item.file}")
        layer = record.layer(item.kind)
        images.append(RunImage(item, read(file, layer.modality, layer.unit)))
    return Comparison(record, PatientTwin.load(folder / record.baseline), tables, tuple(images))
