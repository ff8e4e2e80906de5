"""X-rays: their spectra, what tissue leaves of them, what it scatters, and what a detector reads."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
