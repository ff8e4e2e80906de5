import pytest

from twin.errors import missing


@pytest.mark.parametrize(
    ("module", "told"),
    [("torch", ": pip install 'rt-twin[learned]'"), ("monai.metrics", ": pip install 'rt-twin[train]'"),
     ("SimpleITK", ": pip install 'rt-twin[imaging]'"), ("sklearn", ", which is not installed")],
)  # fmt: skip
def test_what_is_missing_is_told_with_the_extra_that_brings_it(module, told):
    error = ModuleNotFoundError(f"No module named {module!r}", name=module)
    assert str(missing("this needs", error)) == f"this needs {module.partition('.')[0]}{told}"
