"""Patients with a known truth: the thorax, how it answers treatment, and how a clinic sees it."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
