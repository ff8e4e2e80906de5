"""What structures are called: names after TG-263, and which labels may be kept as they are."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
