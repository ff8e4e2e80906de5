"""What a department can be, and how it is read."""

import pytest
from pydantic import ValidationError

from scenarios.clinic.department import Clinic, Referrals, clinic_from_yaml
from scenarios.plans.plan import preset
from twin import InputError


@pytest.mark.parametrize(
    ("model", "data", "says"),
    [
        (Clinic, {"linacs": 0}, "linacs"),
        (Clinic, {"opens_h": 9, "closes_h": 9.2}, "no visit"),
        (Clinic, {"colour": "red"}, "colour"),
        (Referrals, {"red": 0.7, "orange": 0.5}, "more than all"),
        (Referrals, {"cases": [{"scenario": "none"}]}, "whole courses"),
        (Referrals, {"cases": [{"scenario": "+20/8"}]}, "whole courses"),
        (Referrals, {"cases": []}, "cases"),
        (
            Referrals,
            {
                "cases": [
                    {"scenario": {"plan": {"phases": [{"total_gy": 8, "fractions": 1}]}, "stop_after": 0}}
                ]
            },
            "no fraction",
        ),
    ],
)
def test_a_clinic_that_cannot_be_is_refused(model, data, says, tmp_path):
    with pytest.raises(ValidationError, match=says):
        model.model_validate(data)
    import yaml

    file = tmp_path / "clinic.yaml"
    file.write_text(yaml.safe_dump({"clinic" if model is Clinic else "referrals": data}))
    with pytest.raises(InputError, match="cannot be"):
        clinic_from_yaml(file)


def test_a_clinic_is_read_from_yaml_with_presets_by_name(tmp_path):
    file = tmp_path / "clinic.yaml"
    file.write_text("clinic: {linacs: 3}\nreferrals: {cases: [{scenario: CHART, weight: 2}]}\n")
    clinic, referrals = clinic_from_yaml(file)
    assert clinic.linacs == 3
    assert referrals.cases[0].scenario.plan == preset("CHART")
    file.write_text("clinics: {}\n")
    with pytest.raises(InputError, match="clinics"):
        clinic_from_yaml(file)
