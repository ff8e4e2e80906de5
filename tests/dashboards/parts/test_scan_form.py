"""The form of a virtual scan follows the scanner's own options."""

from typing import Literal

import pytest

from dashboards.parts.scan_form import OPTION, fields, given, guarded, hold_reads, scanners_of
from simulators.core.scanner import ScanOptions
from simulators.names.scanners import SCANNERS
from twin import InputError
from twin.inputs.quantities import SliceMm


class Options(ScanOptions):
    kind: Literal["a", "b"] = "b"
    grid: bool = True
    slice_mm: SliceMm | None = None
    end: Literal["x", "y"] | None = None


def test_each_option_has_its_field_with_what_is_usual():
    shown = {field.id[OPTION]: field for field in fields(Options)}
    assert (shown["kind"].data, shown["kind"].value) == (["a", "b"], "b")
    assert (shown["grid"].data, shown["grid"].value) == (["on", "off"], "on")
    assert (shown["end"].data, shown["end"].value, shown["end"].clearable) == (["x", "y"], None, True)
    assert (shown["slice_mm"].label, shown["slice_mm"].value) == ("Slice, mm", None)


def test_only_what_differs_from_the_usual_is_asked_for():
    said = {"kind": "b", "grid": "off", "slice_mm": 3, "end": "", "of another scanner": 1}
    assert given(Options, said) == {"grid": "off", "slice_mm": 3}
    assert Options.of("test", given(Options, said)) == Options(grid=False, slice_mm=3)


def test_all_registered_scanners_take_a_ct_and_learned_ones_what_their_task_reads():
    names = [name for name, _ in scanners_of("CT")]
    assert set(SCANNERS) < set(names) and "denoise/regression" in names
    assert not set(SCANNERS) & {name for name, _ in scanners_of("CBCT")}
    assert scanners_of("PT") == []


@pytest.mark.parametrize("scanner", ["denoise//etc", "denoise/../../x", "/etc", "", "none", "cbct/x"])
def test_a_name_that_is_none_of_the_forms_is_refused(scanner, thorax):
    with pytest.raises(InputError, match="no scanner"):
        hold_reads(scanner, thorax()[0])


def test_whoever_has_no_guard_says_no_distance():
    assert not guarded("ct") and not guarded(None) and not guarded("none")
