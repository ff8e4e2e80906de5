"""What every simulator speaks: chance, courses, and the protocols of kinetics, treatment and scanners."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
