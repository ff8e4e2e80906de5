"""The benchmark of translations: suites of directions, families and claims, one protocol for all."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
