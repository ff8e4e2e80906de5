"""Whether people can tell simulated from real volumes: studies with readers who see no labels, and their results."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
