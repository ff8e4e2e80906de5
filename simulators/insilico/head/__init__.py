"""The in-silico head: tissue maps that are bent at random, metastases, lesions, skull and scalp, and its CT."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
