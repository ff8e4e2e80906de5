"""What drugs do to failure beyond the kill in the tumour: fewer metastases, later failure under immunotherapy.

Chemotherapy before or with radiotherapy: radical radiotherapy with cisplatin against without has a hazard ratio of
death of 0.87 (NSCLC Collaborative Group, BMJ 1995;311:899). Sequential drugs are taken to work on distant disease only
(local control did not change: Le Chevalier 1991 [quoted from memory]; concurrent ones have their kill in the kinetics),
so the ratio of distant failure is the one that gives 0.87 in simulated patients of stage III: 0.73, with 3.9 points
more alive at two years (published: 4). The rates that it is applied to are those of patients of whom a share had
drugs (`SurvivalConstants.drugs`), so a plan is set against that share: where all of them had drugs, a plan with drugs
has their rate, and one without a higher one.

Sequential cycles shrink the tumour all the same: 21 patients of stage III had a median change of volume of -41 %
(-86 to +86 %) after platinum-based induction (Chen, J Thorac Oncol 2011;6:1857). What they kill has grown back before
it could matter to control: those tumours regained 40 % until radiotherapy was planned, and others doubled in 46 days
while they waited (El Sharouni, Br J Cancer 2003;89:2184). So a cycle moves viable tumour to doomed, and leaves the
count of clonogens as it is.

Consolidation immunotherapy: hazard of progression 0.55 from its start on, in those who have not failed before
(PACIFIC, Spigel 2022, J Clin Oncol 40:1301: durvalumab every 2 weeks for 12 months, begun 1 to 42 days after
chemo-radiotherapy). Survival follows from it; it is not set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulators.core.course import Course, Event

DRUGS_DISTANT_RATIO = 0.73  # set on the hazard ratio of death 0.87; see above
IMMUNE_PROGRESSION_RATIO = 0.55
# Log-kill of one sequential cycle in the tumour's bulk, over that of a whole concurrent course: it gives -41 % three
# weeks after the third of three cycles [their number and the day assumed], and each patient his own sensitivity.
SEQUENTIAL_CYCLE = 0.53


@dataclass(frozen=True, eq=False)
class Systemic:
    """What the drugs of some courses do; the arrays broadcast against the batch.

    Args:
        drugs: whether there is chemotherapy: 1 or 0; nan for as many as had drugs where the rates come from.
        immune_from_days: when immunotherapy begins; infinite where there is none.
        immune_ratio: of the hazards of local and distant failure from then on.

    Example:
        >>> nothing = Systemic()
        >>> nothing.local(np.array([100.0, np.inf]), np.array([0.9, 0.9])).tolist()
        [100.0, inf]
        >>> durvalumab = Systemic(immune_from_days=np.array(60.0), immune_ratio=np.array(0.55))
        >>> durvalumab.local(np.array([40.0, 100.0, 100.0]), np.array([0.9, 0.9, 0.5])).tolist()
        [40.0, inf, 100.0]
    """

    drugs: np.ndarray | float = np.nan
    immune_from_days: np.ndarray | float = np.inf
    immune_ratio: np.ndarray | float = 1.0

    @classmethod
    def of(cls, courses: Sequence[Course]) -> Systemic:
        """That of courses, (courses,): their events say which drugs they hold.

        Args:
            courses: (courses,) with their drugs.
        """
        drugs, begins, ratio = np.zeros(len(courses)), np.full(len(courses), np.inf), np.ones(len(courses))
        for i, course in enumerate(courses):
            drugs[i] = course.of(Event.CHEMOTHERAPY).size > 0
            infusions = course.of(Event.IMMUNOTHERAPY)
            if infusions.size:
                begins[i], ratio[i] = course.time_days[infusions[0]], course.scale[infusions[0]]
        return cls(drugs, begins, ratio)

    def reshaped(self, *shape: int) -> Systemic:
        """The same with arrays of another shape."""
        fields = (self.drugs, self.immune_from_days, self.immune_ratio)
        return Systemic(*(np.reshape(f, shape) for f in fields))

    def rows(self, patients: Sequence[int]) -> Systemic:
        """That of some patients, of arrays (arms, patients, samples).

        Args:
            patients: indices.
        """
        fields = (self.drugs, self.immune_from_days, self.immune_ratio)
        return Systemic(*(np.asarray(f)[:, patients] for f in fields))

    def local(self, local_days: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Day of the local failure with the drugs.

        A failure after the start is kept with a chance of the hazard ratio: thinning a process of rate h by r leaves
        the rate r h until the first failure that is spared, after which there is none. With F of failures to come, r F
        fail instead of 1 - (1 - F)^r.

        Args:
            local_days: without immunotherapy, infinite where there is no failure.
            u: uniform numbers, the same under every plan.
        """
        spared = (local_days > self.immune_from_days) & (u >= self.immune_ratio)
        return np.where(spared, np.inf, local_days)

    def distant_ratio(self, share: np.ndarray | float) -> np.ndarray:
        """Hazard of distant failure over that of patients of whom a share had drugs.

        Args:
            share: of those patients, 0 to 1.

        Example:
            >>> with_drugs, without = Systemic(drugs=1.0), Systemic(drugs=0.0)
            >>> float(with_drugs.distant_ratio(1.0)), float(without.distant_ratio(0.0))
            (1.0, 1.0)
            >>> round(float(with_drugs.distant_ratio(0.4) / without.distant_ratio(0.4)), 2)
            0.73
        """
        drugs = np.asarray(self.drugs)
        theirs = 1.0 - share * (1.0 - DRUGS_DISTANT_RATIO)
        return np.where(np.isnan(drugs), 1.0, np.where(drugs > 0, DRUGS_DISTANT_RATIO, 1.0) / theirs)

    def distant(
        self,
        u: np.ndarray,
        relapse: np.ndarray,
        median_days: float,
        sd: float,
        share: np.ndarray | float = 0.0,
    ) -> np.ndarray:
        """Day of the distant failure: a cured share, and log-normal times, under both hazard ratios.

        With S(t) = 1 - p F(t) before immunotherapy begins at b, survival without metastases is S(t) until then and
        S(b) (S(t) / S(b))^r after it; the ratio of chemotherapy changes the cured share to (1 - p)^ratio.

        Args:
            u: (..., 2) uniform numbers: whether there is a relapse, and when.
            relapse: p, in the patients that the rates come from.
            median_days, sd: of the times; sd of their logarithm.
            share: of those patients who had drugs.
        """
        from scipy.special import ndtr, ndtri

        p = 1.0 - (1.0 - np.asarray(relapse)) ** self.distant_ratio(share)
        relapses, when = u[..., 0], u[..., 1]
        days = np.where(relapses < p, median_days * np.exp(sd * ndtri(when)), np.inf)
        begins = np.asarray(self.immune_from_days)
        if not np.isfinite(begins).any():
            return days
        with np.errstate(divide="ignore"):
            z = np.log(begins / median_days) / sd
        at_begin = 1.0 - p * ndtr(z)
        # the rank of this patient's failure in S, and the day on which the slower S has fallen to it
        rank = 1.0 - p * np.where(relapses < p, when, 1.0)
        slower = at_begin * (np.minimum(rank / at_begin, 1.0)) ** (1.0 / np.asarray(self.immune_ratio))
        share = (1.0 - slower) / p
        later = np.where(share < 1.0, median_days * np.exp(sd * ndtri(np.minimum(share, 1.0))), np.inf)
        return np.where(days > begins, np.where(relapses < p, later, np.inf), days)
