"""A task says what it translates, and refuses what does not fit together."""

import pytest
from pydantic import ValidationError

from models import Channel, Condition, Task

CT, MASK = Channel(name="ct", unit="HU", low=-1024, high=1024), Channel(name="mask", share=True)
DRAFT = Channel(name="draft", unit="HU", low=-1024, high=1024)
USUAL = {
    "name": "t",
    "source": (CT, MASK, DRAFT),
    "target": (CT, MASK),
    "start": (("draft", "ct"), ()),
    "conditions": (Condition(name="day"), Condition(name="size")),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": (CT, DRAFT, MASK, CT)}, "two source channels have one name"),
        ({"start": (("ct",),)}, "2 layers need as many starts, not 1"),
        ({"layers": (CT, DRAFT, MASK)}, "3 layers need as many starts, not 2"),
        (
            {"start": (("pet",), ("mask",))},
            r"starts from \['pet'\], which is no source channel of single slices",
        ),
        (
            {"source": (CT, MASK, Channel(name="depth", whole=True)), "start": (("depth",), ())},
            r"starts from \['depth'\]",
        ),
        ({"drawn": "dose"}, "draws 'dose', which is no condition"),
        ({"target": (MASK, CT), "start": (("mask",), ("ct",))}, "shares come after images"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
        (
            {"source": (Channel(name="depth", whole=True), CT, MASK, DRAFT)},
            "channels of the whole volume come last",
        ),
        ({"conditions": (Condition(name="day"), Condition(name="day"))}, "two conditions have one name"),
        (
            {"layers": (CT, DRAFT), "start": (("ct",), ("ct",))},
            "layers are two images and the share",
        ),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        Task(**USUAL | change)


def test_a_layer_begins_as_the_first_channel_that_is_not_hidden():
    task = Task(**USUAL)
    assert task.begins() == [2, None]
    assert task.begins({"draft"}) == [0, None]
    assert task.begins({"draft", "ct"}) == [None, None]


def test_nothing_is_known_by_its_place():
    task = Task(**USUAL)
    assert task.index("draft") == 2 and task.condition("size") == 1
    with pytest.raises(ValueError, match="pet"):
        task.index("pet")


def test_it_is_written_and_read_again():
    task = Task(**USUAL)
    assert Task(**task.model_dump(mode="json", exclude_defaults=True)) == task
