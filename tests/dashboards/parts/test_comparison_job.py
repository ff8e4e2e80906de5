from dashboards.parts.comparison_job import arguments_of


def test_the_form_becomes_the_command_that_it_says(opened):
    numbers = {"days": 90, "samples": 8, "images": 1, "seed": 3, "scanners": ["pet", "mr"]}
    made = arguments_of(opened / "patient.twin", ["60/30", "54/36 tid"], opened / "x", **numbers)
    assert made[0] == "compare" and made[1] == str(opened / "patient.twin")
    assert "--plan=54/36 tid" in made
    assert made[made.index("--days") + 1] == "90.0" and made[-2:] == ["--scanner=pet", "--scanner=mr"]
