"""The published counterfactual simulator of tumour growth under chemotherapy and radiotherapy.

The model is Geng, Paganetti and Grassberger 2017 (Sci Rep 7:13542), in the discrete form in which the recurrent
marginal structural networks (Lim 2018) made it a benchmark, taken up by the counterfactual recurrent network (Bica
2020) and the Causal Transformer (Melnychuk 2022). With daily steps

    V(t) = V(t-1) [1 + rho ln(K / V) - beta_c C - (alpha d + beta d^2) + eps],   eps ~ N(0, 0.01^2)
    C(t) = C(t-1) / 2 + 5 mg/m3 where chemotherapy is given,   d = 2 Gy where radiotherapy is

and the more confounded, the more the tumour's size decides about treatment: P = sigmoid(gamma / 13 cm (mean diameter
of the last 15 days - 6.5 cm)). Its kill is linear in the dose, 1 - k, and can leave less than nothing; that is a
benchmark's convention and no biology. `kill="exponential"` gives the same patients with exp(-k).

Data sets are dictionaries of arrays under the names and in the shapes that users of the benchmark read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulators.core.chance import Key, Purpose, stream, uniforms
from twin import InputError
from twin.inputs.bounds import bounded, check_fields
from twin.inputs.memory import afford
from twin.inputs.quantities import (
    Confounding,
    HorizonDays,
    ManyPatients,
    Patients,
    Seed,
    SequenceDays,
    TestPatients,
)

Kill = Literal["linear", "exponential"]
Mode = Literal["sliding_treatment", "random_trajectories"]
WINDOW_DAYS = 15

# stage: (cases in Detterbeck and Gibson 2008, mu and sigma of ln diameter, least and largest diameter in cm)
STAGES = {
    "I": (1432, 1.72, 4.70, 0.3, 5.0),
    "II": (128, 1.96, 1.63, 0.3, 13.0),
    "IIIA": (1306, 1.91, 9.40, 0.3, 13.0),
    "IIIB": (7248, 2.76, 6.87, 0.3, 13.0),
    "IV": (12840, 3.86, 8.82, 0.3, 13.0),
}
ALPHA_PER_GY, RHO_PER_D, CORRELATION = (
    (0.0398, 0.168),
    (7e-5, 7.23e-3),
    0.87,
)  # (mean, SD), per Gy and per day
BETA_C = (0.028, 0.0007)
TYPE_GAIN = 0.1  # of the mean: alpha of type 1, beta_c of type 3
_ATTEMPTS = 64  # each succeeds with a probability of 0.46: none of 64 with one of 1e-17


@dataclass(frozen=True, eq=False)
class PublishedPatients:
    """Patients of the published simulator; patient i is the same whatever their number.

    Args:
        stage: (n,) stage as text.
        kind: (n,) 1, 2 or 3, the `patient_types` of the data sets.
        volume_cm3: (n,) at day 0.
        alpha_per_gy, rho_per_d, beta_c: (n,); alpha / beta is 10 Gy.
    """

    stage: np.ndarray
    kind: np.ndarray
    volume_cm3: np.ndarray
    alpha_per_gy: np.ndarray
    rho_per_d: np.ndarray
    beta_c: np.ndarray


@bounded
def draw_patients(n: Patients, seed: Seed = 0) -> PublishedPatients:
    """Patients from the published distributions.

    Args:
        n: how many.
        seed: root of all chance.

    Raises:
        InputError: no patients.

    Example:
        >>> patients = draw_patients(1000)
        >>> bool((patients.rho_per_d > 0).all()), sorted(set(patients.kind.tolist()))
        (True, [1, 2, 3])
    """
    from scipy.special import ndtr, ndtri

    key = Key(seed, "published", Purpose.PUBLISHED)
    u = uniforms(key, np.arange(n), 2)
    names = np.array(list(STAGES))
    cases, mu, sigma, least, largest = np.array(list(STAGES.values())).T
    stage = np.searchsorted(np.cumsum(cases)[:-1] / cases.sum(), u[:, 0], side="right")
    low, high = ndtr((np.log(least) - mu) / sigma)[stage], ndtr((np.log(largest) - mu) / sigma)[stage]
    diameter_cm = np.exp(mu[stage] + sigma[stage] * ndtri(low + u[:, 1] * (high - low)))
    return PublishedPatients(names[stage], volume_cm3=np.pi / 6 * diameter_cm**3, **draw_tumours(n, key))


def draw_tumours(n: int, key: Key) -> dict[str, np.ndarray]:
    """Growth and response from the published distributions, which do not depend on stage or size.

    Args:
        n: how many tumours; tumour i is the same whatever their number.
        key: of the chance; its sample and ordinal are ignored.

    Returns:
        kind, alpha_per_gy, rho_per_d and beta_c as in `PublishedPatients`, (n,) each.
    """
    from scipy.special import ndtr, ndtri

    who = np.arange(n)
    u = uniforms(key.at(ordinal=0), who, 4)
    kind = 1 + (3 * u[:, 2]).astype(np.int64)
    alpha, rho = _growth_and_response(who, key)
    mean, sd = BETA_C
    cut = ndtr(-mean / sd)
    beta_c = mean + sd * ndtri(cut + u[:, 3] * (1 - cut))
    return {
        "kind": kind,
        "alpha_per_gy": alpha + np.where(kind == 1, TYPE_GAIN * ALPHA_PER_GY[0], 0.0),
        "rho_per_d": rho,
        "beta_c": beta_c + np.where(kind == 3, TYPE_GAIN * mean, 0.0),
    }


def _growth_and_response(who: np.ndarray, key: Key) -> tuple[np.ndarray, np.ndarray]:
    """(alpha, rho) from a correlated normal, drawn again until both are positive."""
    from scipy.special import ndtri

    alpha, rho = np.empty(len(who)), np.empty(len(who))
    left = who
    for attempt in range(1, _ATTEMPTS + 1):
        z = ndtri(uniforms(key.at(ordinal=attempt), left, 2))
        other = CORRELATION * z[:, 0] + np.sqrt(1 - CORRELATION**2) * z[:, 1]
        a, r = ALPHA_PER_GY[0] + ALPHA_PER_GY[1] * z[:, 0], RHO_PER_D[0] + RHO_PER_D[1] * other
        good = (a > 0) & (r > 0)
        alpha[left[good]], rho[left[good]] = a[good], r[good]
        left = left[~good]
        if not left.size:
            return alpha, rho
    raise RuntimeError("patients without parameters are left")


@dataclass(frozen=True)
class Benchmark:
    """What the published simulator is asked for.

    Args:
        gamma: confounding, 0 (treatment is tossed) to 10; a number, or one for chemotherapy and one for radiotherapy.
        days: length of the sequences; the published data sets have 60.
        kill: "linear" as published, or "exponential".
        seed: root of all chance.

    Example:
        >>> data = Benchmark(gamma=4).factual(50)
        >>> data["cancer_volume"].shape, int(data["sequence_lengths"].max())
        ((50, 60), 59)
    """

    gamma: Confounding | tuple[Confounding, Confounding] = 0.0
    days: SequenceDays = 60
    kill: Kill = "linear"
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_fields(self)
        if self.kill not in ("linear", "exponential"):
            raise InputError(f"the kill {self.kill!r} is not known; it is linear or exponential")

    @property
    def _gammas(self) -> tuple[float, float]:
        both = self.gamma if isinstance(self.gamma, tuple) else (self.gamma, self.gamma)
        return float(both[0]), float(both[1])

    @property
    def _state(self) -> np.uint64:
        return stream(Key(self.seed, "published", Purpose.PUBLISHED, ordinal=_ATTEMPTS + 1))

    @bounded
    def factual(self, n: ManyPatients) -> dict[str, np.ndarray]:
        """What training sets are made of: each patient as he was treated.

        Args:
            n: patients.

        Returns:
            cancer_volume (cm3), chemo_dosage (concentration), radio_dosage (Gy), chemo_application and
            radio_application (0 or 1), chemo_probabilities, radio_probabilities, death_flags and recovery_flags, all
            (n, days) float64; sequence_lengths (n,), at most days - 1; patient_types (n,). After a sequence's end
            all is 0.
        """
        from simulators.published.kernel import factual_rows

        p = draw_patients(n, self.seed)
        names = (
            "cancer_volume",
            "chemo_dosage",
            "radio_dosage",
            "chemo_application",
            "radio_application",
            "chemo_probabilities",
            "radio_probabilities",
            "death_flags",
            "recovery_flags",
        )
        data = {name: np.zeros((n, self.days)) for name in names}
        lengths = np.zeros(n)
        factual_rows(
            self._state,
            p.volume_cm3,
            p.alpha_per_gy,
            p.rho_per_d,
            p.beta_c,
            *self._gammas,
            WINDOW_DAYS,
            self.kill == "exponential",
            tuple(data.values()),
            lengths,
        )
        return {**data, "sequence_lengths": lengths, "patient_types": p.kind}

    @bounded
    def one_step(self, n: TestPatients) -> dict[str, np.ndarray]:
        """One-step counterfactuals: for each patient and day, what each of the four treatments leads to.

        Args:
            n: patients.

        Returns:
            cancer_volume, chemo_application and radio_application (rows, days) float64, sequence_lengths and
            patient_types (rows,), and which patient and day a row belongs to: patient_ids_all_trajectories and
            patient_current_t (rows,). Rows of one day follow each other, the factual one first. The outcome stands
            at index sequence_lengths.
        """
        from simulators.published.kernel import one_step_rows

        p, factual = self._test_patients(n)
        begin = np.concatenate([[0], np.cumsum(4 * factual[-1])])
        rows = int(begin[-1])
        _afford(rows, self.days)
        out = (*(np.zeros((rows, self.days)) for _ in range(3)), np.zeros(rows), np.zeros(rows))
        one_step_rows(
            self._state,
            p.alpha_per_gy,
            p.rho_per_d,
            p.beta_c,
            self.kill == "exponential",
            factual,
            begin,
            out,
        )
        volume, chemo, radio, length, patient = out
        return _test_set(p, volume, chemo, radio, length, patient, length - 1)

    @bounded
    def sequences(
        self, n: TestPatients, horizon: HorizonDays = 5, mode: Mode = "sliding_treatment"
    ) -> dict[str, np.ndarray]:
        """Counterfactual treatment sequences: for each patient and day, treatments over the next days.

        Args:
            n: patients.
            horizon: days that the sequences last.
            mode: "sliding_treatment" gives one treatment on one of these days, chemotherapy in the first half of
                the rows and radiotherapy in the second; "random_trajectories" tosses both for every day.

        Returns:
            As `one_step`, with days + horizon columns. patient_current_t is the last day of which treatment is
            factual; the sequence acts on the days after it, and outcomes stand one day later each.

        Raises:
            InputError: no horizon, or an unknown mode.
        """
        from simulators.published.kernel import sequence_rows

        if horizon > self.days or mode not in ("sliding_treatment", "random_trajectories"):
            raise InputError(
                f"sequences of {horizon} days, {mode!r}, cannot be made; give 1 to {self.days} days and "
                f"sliding_treatment or random_trajectories"
            )
        p, factual = self._test_patients(n)
        begin = np.concatenate([[0], np.cumsum(2 * horizon * factual[-1])])
        rows = int(begin[-1])
        _afford(rows, self.days + horizon)
        kept = np.zeros(rows, dtype=bool)
        out = (
            *(np.zeros((rows, self.days + horizon)) for _ in range(3)),
            *(np.zeros(rows) for _ in range(3)),
        )
        sequence_rows(
            self._state,
            p.alpha_per_gy,
            p.rho_per_d,
            p.beta_c,
            self.kill == "exponential",
            factual,
            begin,
            horizon,
            mode == "sliding_treatment",
            out,
            kept,
        )
        if not kept.all():
            out = tuple(values[kept] for values in out)
        return _test_set(p, *out)

    def _test_patients(self, n: int) -> tuple[PublishedPatients, tuple[np.ndarray, ...]]:
        """Patients, and their factual volume, chemotherapy, radiotherapy, concentration and number of days."""
        from simulators.published.kernel import test_trajectories

        p = draw_patients(n, self.seed)
        volume, chemo, radio, concentration = (np.zeros((n, self.days)) for _ in range(4))
        steps = np.zeros(n, dtype=np.int64)
        test_trajectories(
            self._state,
            p.volume_cm3,
            p.alpha_per_gy,
            p.rho_per_d,
            p.beta_c,
            *self._gammas,
            WINDOW_DAYS,
            self.kill == "exponential",
            volume,
            chemo,
            radio,
            concentration,
            steps,
        )
        return p, (volume, chemo, radio, concentration, steps)


def _afford(rows: int, days: int) -> None:
    """Refuse test sets that would take too much memory: three tables, and those that forecasts are made from."""
    afford(9 * 8 * rows * days / 1e9, "this test set", "patients or days")


def _test_set(
    p: PublishedPatients,
    volume: np.ndarray,
    chemo: np.ndarray,
    radio: np.ndarray,
    length: np.ndarray,
    patient: np.ndarray,
    current: np.ndarray,
) -> dict[str, np.ndarray]:
    return {
        "cancer_volume": volume,
        "chemo_application": chemo,
        "radio_application": radio,
        "sequence_lengths": length,
        "patient_types": p.kind[patient.astype(np.int64)],
        "patient_ids_all_trajectories": patient,
        "patient_current_t": current,
    }
