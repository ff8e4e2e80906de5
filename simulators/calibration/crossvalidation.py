"""Cross-validation by whole trials in ten folds, by each randomised trial alone, and the series that never fit.

Each fit is kept in a folder when it is done, so that the same command again goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path

from simulators.calibration.evidence import Evidence, Row
from simulators.calibration.fit import Fit
from simulators.calibration.forecasts import (
    Difference,
    Forecast,
    Scores,
    differences,
    forecasts,
    share_inside,
)
from simulators.calibration.posterior import Posterior
from twin import InputError
from twin.files.atomic import atomic_file, growing_folder

FOLDS = 10
FROZEN = Path(__file__).parent / "data" / "crossvalidation.json"


@dataclass(frozen=True)
class CrossValidation:
    """Forecasts of what was left out.

    Args:
        digest: of the table.
        left_out: of trials that were left out fold by fold.
        tested: of trials and series that never fit.
        differences: of randomised trials, each predicted by a fit to all others; those that never fit at the end.
    """

    digest: str
    left_out: tuple[Forecast, ...]
    tested: tuple[Forecast, ...]
    differences: tuple[Difference, ...]

    def scores(self) -> dict[str, dict]:
        """What of the two was asked: `left_out` and `tested`, as plain values of `Scores`."""
        return {name: asdict(Scores.of(getattr(self, name))) for name in ("left_out", "tested")}

    def words(self) -> Iterator[str]:
        """The scores in sentences."""
        for name, which in (("left_out", "left out in ten folds"), ("tested", "never fitted to")):
            s = Scores.of(getattr(self, name))
            ratio = s.error / s.null_error
            yield (
                f"{s.trials} trials {which}, {s.rows} numbers of survival and control at 12 to 60 months: median error "
                f"{s.error:.1f} points (null model {s.null_error:.1f}, ratio {ratio:.2f}); interval score "
                f"{s.score:.1f} (null {s.null_score:.1f}); 80 % intervals hold {s.covered[0]:.0%} "
                f"({s.covered[1]:.0%} to {s.covered[2]:.0%}; null {s.null_covered:.0%})"
            )
        told = [d for d in self.differences if d.published != 0.0]
        signs = sum((d.ours > 0) == (d.published > 0) for d in told)
        inside = sum(d.inside for d in self.differences)
        share, low, high = share_inside(inside, len(self.differences))
        yield (
            f"{len(self.differences)} differences of {len({d.trial for d in self.differences})} randomised trials, "
            f"each left out alone: sign right in {signs} of {len(told)}; 80 % intervals hold {share:.0%} "
            f"({low:.0%} to {high:.0%})"
        )

    def save(self, path: str | PathLike[str]) -> None:
        """Write it, whole or not at all.

        Args:
            path: a JSON file.
        """
        with atomic_file(path) as part:
            part.write_text(json.dumps(asdict(self), indent=0) + "\n")

    @classmethod
    def load(cls, path: str | PathLike[str] = FROZEN, digest: str | None = None) -> CrossValidation:
        """Read one.

        Args:
            path: a file that `save` wrote.
            digest: of the table that it must be of, or None for any.

        Raises:
            InputError: it cannot be read, or is of another table.
        """
        try:
            stored = json.loads(Path(path).read_text())
            left_out, tested = (tuple(Forecast(**f) for f in stored[k]) for k in ("left_out", "tested"))
            found = cls(
                stored["digest"], left_out, tested, tuple(Difference(**d) for d in stored["differences"])
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"the cross-validation {path} cannot be read: {error!r}") from None
        if digest is not None and found.digest != digest:
            raise InputError(f"the cross-validation {path} is of another table of arms")
        return found


def folds(evidence: Evidence) -> tuple[tuple[str, ...], ...]:
    """Trials of the ten folds: groups in the order of the SHA-256 of their name, dealt in turn.

    Args:
        evidence: the table; what never fits is in no fold.
    """
    groups = _groups(evidence)
    order = sorted(groups, key=lambda group: hashlib.sha256(group.encode()).hexdigest())
    return tuple(
        tuple(trial for group in order[i::FOLDS] for trial in groups[group])
        for i in range(min(FOLDS, len(order)))
    )


def randomised(evidence: Evidence) -> tuple[tuple[str, ...], ...]:
    """Randomised trials that fit, each with those that hold the same patients: they are left out together.

    Args:
        evidence: the table.
    """
    random = {row.trial for row in evidence.rows if row.randomised}
    return tuple(trials for trials in _groups(evidence).values() if random & set(trials))


def _groups(evidence: Evidence) -> dict[str, tuple[str, ...]]:
    """Group -> its trials, of those that fit."""
    groups: dict[str, dict[str, None]] = {}
    for row in evidence.on("fit", "difference").rows:
        groups.setdefault(row.group, {})[row.trial] = None
    return {group: tuple(trials) for group, trials in groups.items()}


@dataclass(frozen=True, eq=False)
class _Refits:
    """Fits without some trials, each made once and kept in a folder."""

    evidence: Evidence
    folder: Path
    fit: Fit

    def without(self, trials: Collection[str]) -> Posterior:
        name = hashlib.sha256("\n".join(sorted(trials)).encode()).hexdigest()[:12] if trials else "whole"
        path = self.folder / f"{name}.json"
        if path.exists():
            return Posterior.load(path, self.evidence.digest)
        found = self.fit.run(trials)
        found.save(path)
        return found


def cross_validate(
    evidence: Evidence,
    folder: str | PathLike[str],
    fit: Fit,
    progress: Callable[[str, float], None] | None = None,
) -> CrossValidation:
    """Fit without each fold and without each randomised trial, and forecast numbers and differences left out.

    Args:
        evidence: the table.
        folder: where fits are kept; the same folder again goes on.
        fit: of the table.
        progress: is told the step in hand and the share done.

    Raises:
        InputError: a fit in the folder is of another table or version, or another process fills it.
    """
    with growing_folder(folder):
        return _cross_validated(evidence, _Refits(evidence, Path(folder), fit), progress)


def _cross_validated(
    evidence: Evidence, refits: _Refits, progress: Callable[[str, float], None] | None
) -> CrossValidation:
    parts, alone = folds(evidence), randomised(evidence)
    of_trial = {trial: [r for r in evidence.rows if r.trial == trial] for trial in evidence.trials}
    tell = progress or (lambda _step, _share: None)
    steps = 1 + len(parts) + len(alone)
    tell("whole", 0.0)
    whole, tested = refits.without([]), evidence.on("test").rows
    left_out: list[Forecast] = []
    for i, trials in enumerate(parts):
        tell(f"fold {i + 1}", (1 + i) / steps)
        rows = [r for trial in trials for r in of_trial[trial] if evidence.side(r) == "fit"]
        left_out += forecasts(refits.without(trials), rows, _rows_without(evidence, trials)) if rows else []
    found: list[Difference] = []
    for i, trials in enumerate(alone):
        tell(f"without {trials[0]}", (1 + len(parts) + i) / steps)
        posterior = refits.without(trials)
        for trial in trials:
            found += differences(posterior, of_trial[trial]) if of_trial[trial][0].randomised else []
    for trial in dict.fromkeys(r.trial for r in tested if r.randomised):
        found += differences(whole, of_trial[trial])
    series = forecasts(whole, tested, _rows_without(evidence, ()))
    return CrossValidation(evidence.digest, tuple(left_out), tuple(series), tuple(found))


def _rows_without(evidence: Evidence, trials: Collection[str]) -> Sequence[Row]:
    return [row for row in evidence.on("fit").rows if row.trial not in trials]
