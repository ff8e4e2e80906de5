"""The cards of models in a real browser."""


def test_models_name_their_figures_and_their_domain(page):
    page.open("/models", viewer=False)
    page.says("Mechanistic follow-up CT")
    page.says("Virtual FDG-PET")
    page.wait("return document.querySelectorAll('.rt-markdown table').length >= 2")
    page.says("Domain.")
