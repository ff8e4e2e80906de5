"""The command `rt-twin clinic`."""

import json

from scenarios.clinic.run import load_clinic


def test_the_command_simulates_a_department_of_yaml_and_writes_its_folder(tmp_path, capsys):
    from typer.testing import CliRunner

    from scenarios.commands.main import app

    file = tmp_path / "clinic.yaml"
    file.write_text("clinic: {linacs: 2}\nreferrals: {per_year: 200}\n")
    asked = [
        "clinic",
        str(file),
        "--days",
        "60",
        "--warm-up",
        "20",
        "--samples",
        "4",
        "--out",
        str(tmp_path / "c"),
    ]
    done = CliRunner().invoke(app, [*asked, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    metrics = {row["metric"]: row["value"] for row in told["summary"]}
    for wanted in ("waiting for treatment, median", "linac overtime", "linac utilisation", "replans late",
                   "fractions missed", "tumour control lost to waiting"):  # fmt: skip
        assert metrics[wanted] is not None, wanted
    assert told["warm_up_days"] == 20 and told["days"] == 80
    assert load_clinic(tmp_path / "c").clinic.linacs == 2
    shown = CliRunner().invoke(app, asked[:-2])
    assert "SIMULATED" in shown.stdout and "linac utilisation" in shown.stdout
