"""How one patient's images answer to treatment, beyond the tumour's volume: drawn once, and never from the plan.

These are the frozen constants of the in-silico truth (`simulators.insilico.response`). The marks: [P] published, [M]
quoted from memory of the literature, [A] assumed here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from simulators.core.chance import Key, Purpose

VERSION = "response 4"
# SD of ln(loss) between places of one tumour: voxel-wise PET response differs by about a factor of two [M]; median,
# SD(ln) between patients [A].
UNEVEN = (0.6, 0.35)
UNEVEN_MM = 0.8  # distance of that pattern's nodes, in radii of the tumour [A]
NECROTIC = (0.4, 12.0)  # share of tumours above so many cm3 with a hypodense core on CT [M]
NECROSIS_HU = (12.0, 32.0)  # how much darker, without contrast medium [M]
# Share that cavitates under treatment: 10 to 20 % of squamous cell carcinomas, rarely others [M].
CAVITY = {True: 0.12, False: 0.03}
CAVITY_LOSS = (0.3, 0.6)  # of the volume, before a cavity opens [A]
# Central tumours of more than so many cm3 that close a bronchus, or nearly: the relative volume above which lung
# behind them is collapsed, median and SD(ln). Below 1 it is collapsed on day 0. Kwint 2014: atelectasis that came or
# opened in 19 % of the patients with changes [P]; the threshold itself is [A].
AT_A_BRONCHUS = (0.45, 8.0)
CLOSING = (0.9, 0.35)
# Pneumonitis on CT: ground glass is seen in about 60 % of patients [M]; months from the end of treatment to onset,
# median and SD(ln); rise of HU where the dose is high, median and SD(ln); the others show next to nothing.
PRONE = 0.6
ONSET_MONTHS = (1.6, 0.4)
GLASS_HU = (260.0, 0.4)
GLASS_OTHERS_HU = 45.0
GLASS_MONTHS = (2.0, 5.0)  # it stays so long at its height, then fades over as long again [A]
STRAY = 0.15  # share of the prone whose patches reach lung of 8 to 15 Gy (organising pneumonia) [A]
# Fibrosis: rise of HU where EQD2 is above 45 Gy, median and SD(ln); from month 5 to 12 (Libshitz 1984 [M]).
FIBROSIS_HU = (280.0, 0.45)
# Effusion: Kwint 2014 6 % of changes, thus 4 % of patients [P]; day of onset, depth in mm [A].
EFFUSION = 0.04
EFFUSION_DAY = (14.0, 100.0)
EFFUSION_MM = (6.0, 18.0)


@dataclass(frozen=True)
class Traits:
    """One patient's own answer; plain values, for JSON.

    Args:
        uneven: SD of ln(loss) between places of the tumour.
        necrosis_hu: how much darker a necrotic core is; 0 without one.
        necrotic_at_first: whether the core is there before treatment.
        cavity_loss: share of the volume that must be lost before the core fills with air; infinite without.
        closing: relative tumour volume above which lung behind the tumour is collapsed; infinite without.
        onset_months: from the end of treatment to ground glass.
        glass_hu: its rise at high dose.
        glass_months: how long it stays, and how long it fades.
        stray: whether its patches reach lung of low dose.
        fibrosis_hu: rise by fibrosis at high dose.
        effusion_day, effusion_mm: onset, days from the start of treatment (infinite without), and depth.
    """

    uneven: float
    necrosis_hu: float
    necrotic_at_first: bool
    cavity_loss: float
    closing: float
    onset_months: float
    glass_hu: float
    glass_months: float
    stray: bool
    fibrosis_hu: float
    effusion_day: float
    effusion_mm: float

    @classmethod
    def draw(
        cls,
        root: int,
        patient_id: str,
        *,
        gtv_cm3: float,
        central: bool,
        squamous: bool,
        as_seen: bool = False,
    ) -> Traits:
        """A patient's traits by chance; no plan is in the key.

        Args:
            root: seed.
            patient_id: of the twin.
            gtv_cm3: tumour volume on day 0.
            central: whether it grows at the hilum.
            squamous: its histology.
            as_seen: the baseline is a real CT, on which nothing may be painted: no core and no collapse before
                treatment.

        Example:
            >>> a = Traits.draw(0, "p", gtv_cm3=30.0, central=True, squamous=True)
            >>> a == Traits.draw(0, "p", gtv_cm3=30.0, central=True, squamous=True)
            True
        """
        rng = Key(root, patient_id, Purpose.TRUTH, ordinal=1).generator()
        u, z = rng.random(12), rng.standard_normal(8)
        share, above_cm3 = NECROTIC
        necrotic = u[0] < share and gtv_cm3 > above_cm3
        cavitates = u[1] < CAVITY[squamous]
        closes = central and gtv_cm3 > AT_A_BRONCHUS[1] and u[2] < AT_A_BRONCHUS[0]
        closing = _log_normal(CLOSING, z[1])
        prone = u[3] < PRONE
        return cls(
            uneven=_log_normal(UNEVEN, z[0]),
            necrosis_hu=_uniform(NECROSIS_HU, u[4]) if necrotic or cavitates else 0.0,
            necrotic_at_first=bool(necrotic and not as_seen),
            cavity_loss=_uniform(CAVITY_LOSS, u[5]) if cavitates else np.inf,
            closing=(max(closing, 1.05) if as_seen else closing) if closes else np.inf,
            onset_months=_log_normal(ONSET_MONTHS, z[2]),
            glass_hu=_log_normal(GLASS_HU, z[3]) if prone else GLASS_OTHERS_HU,
            glass_months=_uniform(GLASS_MONTHS, u[6]),
            stray=bool(prone and u[7] < STRAY),
            fibrosis_hu=_log_normal(FIBROSIS_HU, z[4]),
            effusion_day=_uniform(EFFUSION_DAY, u[8]) if u[9] < EFFUSION else np.inf,
            effusion_mm=_uniform(EFFUSION_MM, u[10]),
        )

    def as_dict(self) -> dict[str, float | bool | None]:
        """Plain values for JSON; what never happens is None."""
        return {k: None if v == np.inf else v for k, v in asdict(self).items()}


def _log_normal(median_and_sd: tuple[float, float], z: float) -> float:
    return float(median_and_sd[0] * np.exp(median_and_sd[1] * z))


def _uniform(bounds: tuple[float, float], u: float) -> float:
    return float(bounds[0] + (bounds[1] - bounds[0]) * u)
