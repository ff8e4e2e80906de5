from dashboards.files.library import Library
from dashboards.tables.folder import folder_tables


def test_a_folder_that_cannot_be_read_is_listed_with_the_reason(opened):
    broken = opened / "broken-run"
    broken.mkdir()
    (broken / "run.json").write_text("{")
    try:
        shown = str(folder_tables(Library(opened)))
        assert "broken-run cannot be read: " in shown and "40 sampled patients" in shown
    finally:
        (broken / "run.json").unlink()
        broken.rmdir()
