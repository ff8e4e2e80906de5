"""The attack on the page: requests to its callbacks with odd values."""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from found import Found
from odd import odd


def attack_pages(
    first: int, calls: int, seed: int, folder: Path, say: Callable[[str], None] = print
) -> Found:
    """Requests to the page's callbacks and routes with odd values; jobs that they start are cancelled at once.

    Args:
        first, calls, seed, say: as for `attack`.
        folder: opened by the dashboard.
    """
    from dashboards.app import _build

    token = secrets.token_urlsafe(24)
    app, desk = _build(folder, token)
    app.server.logger.disabled = True
    client, asks = app.server.test_client(), list(_callbacks(app))
    client.get(f"/?token={token}")  # this stranger has been let in
    found = Found()
    for number in range(first, first + calls):
        rng = random.Random(f"pages {seed}/{number}")
        ask = rng.choice(asks)
        body = json.dumps(_filled(ask, rng), default=str)
        began = time.monotonic()
        answer = client.post("/_dash-update-component", data=body, content_type="application/json")
        took = time.monotonic() - began
        found.longest_s = max(found.longest_s, took)
        found.kinds["callbacks"] += 1
        desk.jobs.end_all()
        if answer.status_code >= 500 or took > 20:
            found.wrong.append(f"page {number}: {answer.status_code} in {took:.1f} s: {body[:600]}")
            say(found.wrong[-1])
        elif answer.status_code >= 400 or '"fault":{"children":"' in answer.text:  # said above the page
            found.refused += 1
        else:
            found.taken += 1
    return found


def _callbacks(app: Any) -> Iterator[dict[str, Any]]:
    """A request of each callback that the server answers, without values."""
    for output, callback in app.callback_map.items():
        if callback.get("callback") is None:  # the browser's own
            continue
        listed = callback["output"] if isinstance(callback["output"], list | tuple) else [callback["output"]]
        outputs = [{"id": o.component_id, "property": o.component_property} for o in listed]
        yield {
            "output": output,
            "outputs": outputs if output.startswith("..") else outputs[0],
            "inputs": [dict(i) for i in callback["inputs"]],
            "state": [dict(s) for s in callback["state"]],
        }


def _filled(ask: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The request with values: those of a sound form, some of them others."""
    sound = {
        "new-twin": "p.twin",
        "new-plans": ["60/30"],
        "new-days": 365,
        "new-samples": 20,
        "new-images": 0,
        "new-seed": 0,
        "new-during": 7,
        "new-after": 30,
        "new-also": "10, 21",
        "new-break": True,
        "new-break-days": 7,
        "new-break-from": 14,
        "new-break-up": "prolong",
        "new-policies": [],
        "new-scanners": [],
        "new-generator": "auto",
        "new-chemo": "none",
        "new-immuno": False,
        "new-name": "",
        "new-asker": "a",
        "twin-manifest": {"key": "p.twin"},
        "observe-day": 5,
        "observe-gtv": 40,
        "observe-plan": "60/30",
        "phantom-gtv": 60,
        "phantom-seed": 3,
        "phantom-site": "central",
        "phantom-name": "",
        "url": rng.choice(("/new", "/twin", "/compare", "/")),
    }

    def value(place: dict[str, Any]) -> dict[str, Any]:
        name = place["id"]
        given = sound.get(name, rng.choice((1, None, "p.twin"))) if isinstance(name, str) else None
        if rng.random() < 0.15:
            given = odd(rng)
        return {**place, "value": given}

    def filled(places: list[dict[str, Any]]) -> list[Any]:
        return [value(p) if isinstance(p["id"], str) and not p["id"].startswith("{") else [] for p in places]

    inputs = filled(ask["inputs"])
    changed = [f"{i['id']}.{i['property']}" for i in inputs if isinstance(i, dict)][:1]
    return {**ask, "inputs": inputs, "state": filled(ask["state"]), "changedPropIds": changed}
