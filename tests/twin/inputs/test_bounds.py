"""Numbers from users: each is held to its quantity before any work, and the sentence names it."""

from dataclasses import dataclass

import numpy as np
import pytest
from pydantic import TypeAdapter

from twin import InputError, Observation, PatientTwin
from twin.inputs import bounded, check, check_fields, quantities
from twin.inputs.quantities import Fractions, Horizon, Seed, TumourCm3

KINDS = {name: kind for name, kind in vars(quantities).items() if hasattr(kind, "__metadata__")}
HOSTILE = (1e9, -1e9, 1e308, float("nan"), float("inf"), "9" * 5000, 10**5000, None, "x", [], {}, b"x")


@pytest.mark.parametrize("name", KINDS)
def test_no_quantity_takes_what_has_no_bounds(name):
    for value in HOSTILE:
        if name in ("Seed", "Patients", "Steps") and value == 1e9:  # these are counts, and large ones
            continue
        with pytest.raises(InputError, match="the number must") as told:
            check(KINDS[name], value, "the number")
        assert len(str(told.value)) < 200 and "\n" not in str(told.value)


def test_a_number_of_any_library_or_in_words_is_one():
    assert check(Horizon, np.int64(30), "days") == 30.0 and check(Horizon, "30", "days") == 30.0
    assert isinstance(check(Seed, 7.0, "seed"), int) and check(Seed | None, None, "seed") is None


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (Fractions, "n must lie between 1 and 100, not 101"),
        (TumourCm3, "n must be above 0 and at most 4000, not -1"),
        (Seed, f"n must lie between 0 and {2**63 - 1}, not -1"),
    ],
)
def test_the_sentence_names_both_ends(kind, says):
    with pytest.raises(InputError) as told:
        check(kind, 101 if kind is Fractions else -1, "n")
    assert str(told.value) == says


def test_arguments_and_fields_are_held_to_their_annotations():
    @dataclass(frozen=True)
    class Asked:
        days: Horizon
        words: str = ""

        def __post_init__(self) -> None:
            check_fields(self)

    @bounded
    def look(far: Horizon, *, seed: Seed | None = None, words: str = "") -> tuple[float, int | None]:
        return far, seed

    assert Asked(30).days == 30.0 and isinstance(Asked(30).days, float)
    assert look(30, seed=None) == (30.0, None)
    with pytest.raises(InputError, match="days must"):
        Asked(0.5)
    with pytest.raises(InputError, match="seed must"):
        look(30, seed=-1)
    with pytest.raises(InputError, match="--far must"):
        bounded(look, option=True)(1e9)
    with pytest.raises(TypeError):
        look()


def test_a_patient_stands_within_a_life_wherever_the_numbers_come_from():
    for wrong in (
        {"now_days": 1e9},
        {"day0_weekday": 7},
        {"observations": (Observation(1e9, "gtv_cm3", 1.0),)},
    ):
        with pytest.raises(InputError, match="must lie between"):
            PatientTwin("p", **wrong)


def test_every_quantity_is_a_type_that_pydantic_takes():
    for kind in KINDS.values():
        assert TypeAdapter(kind).json_schema()["type"] in ("integer", "number")
