"""Plans, scenarios and policies: what is prescribed, when, and what may change it."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
