"""The command `rt-twin show`."""

from __future__ import annotations

from scenarios.commands.arguments import JsonOption, TwinArg
from scenarios.commands.facts import describe, print_facts
from twin import PatientTwin


def show(twin: TwinArg, as_json: JsonOption = False) -> None:
    """Say what a twin holds."""
    print_facts(describe(PatientTwin.load(twin)), as_json)


COMMAND = show
