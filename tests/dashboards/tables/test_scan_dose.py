"""The dose on another scan as a table."""

from dashboards.tables.scan_dose import scan_dose

FACTS = {
    "plan": "60/30", "method": "superposition", "scan": "denoise-1", "gamma_2_2_percent": 99.25, "path_change_mm": -0.4,
    "largest_path_change_mm": -1.1, "ptv_d95_percent": 96.0, "heart_mean_gy": 4.5, "r50": 3.0,
    "change": {"ptv_d95_percent": -1.5, "heart_mean_gy": 0.5, "r50": 0.0},
}  # fmt: skip


def test_both_doses_and_their_difference_stand_beside_each_other(text):
    table, words = scan_dose(FACTS)
    rows = [text(row) for row in table.children[1].children]
    assert rows == [
        "PTV D95, % 97.5 96.0 \u22121.5", "Heart mean, Gy 4.0 4.5 +0.5", "R50 3.0 3.0 0.0"
    ]  # fmt: skip
    assert "99.2 % of voxels" in text(words) and "SIMULATED" in text(words)
