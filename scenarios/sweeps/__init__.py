"""What drives an outcome: shares of its variance by what is not known."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
