"""A film is put together from pictures of one size, and from nothing else."""

import io

import pytest
from PIL import Image

from dashboards.viewer.film import gif
from twin import InputError


def png(width: int = 40, grey: int = 0) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, 20), (grey, grey, grey)).save(out, "PNG")
    return out.getvalue()


def test_each_picture_is_seen_for_its_time():
    with Image.open(io.BytesIO(gif([png(grey=0), png(grey=90), png(grey=200)], [250, 420, 2000]))) as film:
        seen = []
        for n in range(film.n_frames):
            film.seek(n)
            seen.append((film.info["duration"], film.convert("RGB").getpixel((5, 5))[0]))
        assert seen == [(250, 0), (420, 90), (2000, 200)] and film.info["loop"] == 0


@pytest.mark.parametrize(
    ("pictures", "times", "says"),
    [
        ([], [], "1 to 400 pictures"),
        ([png()], [250, 250], "each with its time"),
        ([png()], [5], "10 to 10000 ms"),
        ([png(), png(41)], [250, 250], "one size"),
        ([b"GIF89a"], [250], "cannot be read"),
        ([png(300_000)], [250], "too large"),
    ],
)
def test_what_is_no_film_is_refused_in_words(pictures, times, says):
    with pytest.raises(InputError, match=says):
        gif(pictures, times)


def test_a_form_of_another_page_makes_none(client):
    sent = {"frame": (io.BytesIO(png()), "0.png"), "ms": "250"}
    assert client.post("/film", data=sent).status_code == 403
    sent = {"frame": (io.BytesIO(png()), "0.png"), "ms": "250"}
    answer = client.post("/film", data=sent, headers={"X-RT-Twin": "film"})
    assert answer.status_code == 200 and answer.data[:6] == b"GIF89a"
