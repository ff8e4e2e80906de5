"""Look-ups among similar in-silico patients, for patients without images."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
