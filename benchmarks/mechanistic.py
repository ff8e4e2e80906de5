"""Time and memory of mechanistic follow-ups: `python benchmarks/mechanistic.py PATIENT.twin` (or none: in silico)."""

import resource
import sys
import time
from statistics import median

from simulators import Key, Purpose, TreatmentRequest, TumourView
from simulators.dose.approximate import approximate_dose
from simulators.treatment.mechanistic import MechanisticTreatment
from twin import PatientTwin, Volume


def patient() -> PatientTwin:
    if len(sys.argv) > 1:
        return PatientTwin.load(sys.argv[1])
    from simulators.insilico.patient import make_patient

    return make_patient(7)[0]


def main() -> None:
    twin = patient()
    scan, structures = twin.baseline, twin.contours
    dose = approximate_dose(scan, structures, 60.0, 30).volume
    eqd2 = Volume(dose.geometry, dose.array * (dose.array / 30 + 3) / 5, "DOSE", "Gy")

    def asked(share: float, day: float) -> TreatmentRequest:
        view = TumourView(share * twin.gtv_cm3, twin.gtv_cm3, 0.5)
        key = Key(0, twin.id, Purpose.IMAGE)
        return TreatmentRequest(scan, structures, dose, eqd2, 30, day, day - 40, twin.clinical, view, key)

    MechanisticTreatment().generate([asked(0.5, 150.0)])  # compiles, or loads what was compiled
    treatment = MechanisticTreatment()
    start = time.perf_counter()
    treatment.generate([asked(0.5, 150.0)])
    first_s = time.perf_counter() - start
    during, after = [], []
    for i in range(15):
        for day, times in ((5.0 + 2 * i, during), (60.0 + 20 * i, after)):
            start = time.perf_counter()
            treatment.generate([asked(1.0 - 0.05 * i, day)])
            times.append(time.perf_counter() - start)
    print(f"{twin.id}: {twin.gtv_cm3:.1f} cm3, scan {scan.volume.geometry.shape}")
    print(f"first image, preparation included {first_s:.2f} s")
    print(
        f"an image during treatment {median(during):.2f} s, after it with lung injury {median(after):.2f} s"
    )
    print(f"thirty images {sum(during) + sum(after):.1f} s")
    print(f"peak memory of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
