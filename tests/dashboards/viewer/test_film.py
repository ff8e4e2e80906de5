"""A film is put together from pictures of one size, and from nothing else."""

import io
import json
import shutil
import subprocess

import pytest
from PIL import Image

from dashboards.viewer.film import films, gif, mp4
from scenarios.records.schema import SIMULATED
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


@pytest.fixture
def ffprobe():
    if films() != ["gif", "mp4"] or not shutil.which("ffprobe"):
        pytest.skip("ffmpeg is not installed")

    def told(file, *asked: str) -> dict:
        command = ["ffprobe", "-v", "error", "-of", "json", *asked, str(file)]
        return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)

    return told


def test_each_picture_of_an_mp4_is_seen_for_its_time_to_the_millisecond(ffprobe, tmp_path):
    file = tmp_path / "film.mp4"
    file.write_bytes(mp4([png(41, 0), png(41, 90), png(41, 200)], [250, 427, 2000]))
    told = ffprobe(file, "-show_entries", "packet=pts_time:format_tags=comment:stream=width,height,pix_fmt")
    times = [float(packet["pts_time"]) for packet in told["packets"]]
    assert sorted(times) == pytest.approx([0, 0.25, 0.677, 2.677], abs=1e-6)
    assert told["streams"] == [{"width": 42, "height": 20, "pix_fmt": "yuv420p"}]
    assert told["format"]["tags"]["comment"] == SIMULATED
    greys = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(file),
        "-vf",
        "scale=1:1,format=gray",
        "-fps_mode",
        "passthrough",
    ]
    seen = subprocess.run([*greys, "-f", "rawvideo", "-"], capture_output=True, check=True).stdout
    assert list(seen) == pytest.approx([0, 87, 194, 194], abs=6)  # a column of black makes the width even


@pytest.mark.parametrize("make", [gif, mp4])
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
def test_what_is_no_film_is_refused_in_words(make, pictures, times, says):
    if make.__name__ not in films():
        pytest.skip("ffmpeg is not installed")
    with pytest.raises(InputError, match=says):
        make(pictures, times)


def test_without_ffmpeg_an_mp4_is_neither_offered_nor_made(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert films() == ["gif"]
    with pytest.raises(InputError, match="needs ffmpeg"):
        mp4([png()], [250])


def test_a_form_of_another_page_makes_none(client):
    sent = {"frame": (io.BytesIO(png()), "0.png"), "ms": "250"}
    assert client.post("/film", data=sent).status_code == 403
    sent = {"frame": (io.BytesIO(png()), "0.png"), "ms": "250"}
    answer = client.post("/film", data=sent, headers={"X-RT-Twin": "film"})
    assert answer.status_code == 200 and answer.data[:6] == b"GIF89a"
