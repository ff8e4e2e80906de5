import sys

from rich.console import Console

from scenarios.commands import progress


def test_a_step_with_brackets_is_shown_whole(monkeypatch, capsys):
    monkeypatch.setattr(
        progress, "Console", lambda stderr: Console(file=sys.stderr, force_terminal=True, width=80)
    )
    with progress.progress_bar() as tell:
        tell("part [learned]", 0.5)
    assert "part [learned]" in capsys.readouterr().err
