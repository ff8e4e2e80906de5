"""The cards of learned models: whatever stands beside the weights, and nothing else."""

import json

import pytest

from dashboards.files.model_cards import built_in, learned, picture


@pytest.fixture
def weights(tmp_path, monkeypatch):
    folder = tmp_path / "bridge-7"
    folder.mkdir()
    text = (
        "---\nlicense: apache-2.0\n---\n# A bridge\n\n![gain](gain.png) ![far](http://evil.example/x.png)\n"
    )
    (folder / "README.md").write_text(text)
    (folder / "config.json").write_text(
        json.dumps({"kind": "bridge", "domain": {"days": [7, 180]}, "none": None})
    )
    (folder / "gain.png").write_bytes(b"png")
    (tmp_path / "secret.png").write_bytes(b"secret")
    monkeypatch.setenv("RT_TWIN_WEIGHTS", str(tmp_path))
    return folder


def test_a_card_is_read_with_its_title_and_configuration(weights):
    card = next(c for c in learned() if c.name == "bridge-7")
    assert card.title == "A bridge" and "license" not in card.text and "# A bridge" not in card.text
    assert ("domain.days", "7, 180") in card.facts and "bridge" in card.kind


def test_intervals_are_no_links_and_comments_are_not_shown(weights):
    text = "# A bridge\n<!-- figures: begin -->\n| gain |\n|---|\n| 19.5 % [15.7 %, -2 %] |\n\n[docs](https://example.org)\n"
    (weights / "README.md").write_text(text)
    shown = next(c for c in learned() if c.name == "bridge-7").text
    assert "figures" not in shown and "[docs](https://example.org)" in shown
    assert "19.5\u00a0% \\[15.7\u00a0%,\u00a0-2\u00a0%\\]" in shown


def test_only_pictures_beside_the_card_are_served(weights, client):
    card = next(c for c in learned() if c.name == "bridge-7")
    assert "(/data/weights/bridge-7/gain.png)" in card.text
    assert client.get("/data/weights/bridge-7/gain.png").data == b"png"
    for path in ("bridge-7/config.json", "bridge-7/..%2fsecret.png", "..%2fsecret.png/x", "other/gain.png"):
        answer = client.get(f"/data/weights/{path}")  # Dash answers unknown paths with its empty page
        assert b"secret" not in answer.data and b'"kind"' not in answer.data
    assert picture("bridge-7", "../secret.png") is None


def test_weights_without_a_card_say_so(weights):
    (weights / "README.md").unlink()
    assert "no README.md" in next(c for c in learned() if c.name == "bridge-7").text


def test_what_needs_no_weights_has_figures_and_a_domain():
    for card in built_in():
        assert "**Domain.**" in card.text and "| figure | value |" in card.text
