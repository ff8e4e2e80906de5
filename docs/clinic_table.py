"""Fills the table of docs/clinic.md: `python docs/clinic_table.py`."""

import re
from pathlib import Path

from scenarios import Clinic, Referrals, simulate_clinic

PAGE = Path(__file__).parent / "clinic.md"
DEPARTMENTS = {
    "as it stands": Clinic(),
    "3 linacs": Clinic(linacs=3),
    "5 planners": Clinic(planners=5),
    "4 planners": Clinic(planners=4),
    "downtime 7.6 %, two days to repair": Clinic(downtime=0.076, repair_h=20),
    "the same, linacs not matched": Clinic(downtime=0.076, repair_h=20, matched_linacs=False),
    "two weeks closed": Clinic(closed=tuple(range(180, 194))),
}
COLUMNS = (
    ("waiting for treatment, median", "wait, median (d)", "{:.1f}"),
    ("waiting for treatment, 90th percentile", "90th percentile (d)", "{:.1f}"),
    ("linac utilisation", "linac utilisation", "{:.0%}"),
    ("linac overtime", "overtime (h)", "{:.0f}"),
    ("visits lost to the machine", "visits lost to the machine", "{:.0f}"),
    ("replans late", "replans late", "{:.0f}"),
    ("prolongation of a finished course, mean", "courses longer by (d)", "{:.2f}"),
    ("tumour control lost to waiting", "control lost by waiting (points)", "{:.2f}"),
    ("tumour control lost to them in finished courses", "by delays, finished courses (points)", "{:.2f}"),
)


def main() -> None:
    """Simulate each department with the same patients and write the table."""
    lines = ["| department | " + " | ".join(c[1] for c in COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, clinic in DEPARTMENTS.items():
        run = simulate_clinic(clinic, Referrals(per_year=1000), seed=0)
        values = {metric: value for metric, value, _ in run.summary.iter_rows()}
        cells = [
            form.format(values[metric] * (100 if "points" in title else 1)) for metric, title, form in COLUMNS
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    table = "<!-- table -->\n" + "\n".join(lines) + "\n<!-- end -->"
    PAGE.write_text(re.sub(r"<!-- table -->.*<!-- end -->", table, PAGE.read_text(), flags=re.DOTALL))


if __name__ == "__main__":
    main()
