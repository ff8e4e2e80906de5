"""A new comparison in a real browser."""


def test_a_comparison_is_started_from_the_page_and_cancelled(page, opened):
    page.open("/new?twin=patient.twin", viewer=False)
    page.says("What will run")
    page.find("#new-name").send_keys("cancelled")
    page.find("#new-run").click()
    page.click(".rt-job-running button")
    page.wait("return document.querySelector('.rt-job-cancelled')")
    assert not (opened / "cancelled").exists()
    page.script("[...document.querySelectorAll('.rt-job button')].forEach((b) => b.click())")


def test_the_form_says_what_will_run_and_what_is_outside_the_context(page):
    page.open("/new?twin=patient.twin", viewer=False)
    page.says("30 fractions, 60 Gy")
    page.script("document.querySelector('#new-break').click()")
    page.says("7 days off from day 14")
    field = page.find("#new-plans")
    field.send_keys("30/10", "\ue007")
    page.says("these are 6 scenarios")
    page.script("document.querySelector('#new-break').click()")
    page.says("Outside the context of use")
