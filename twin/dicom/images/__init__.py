"""Image series: taken apart into stacks of slices, read as volumes, laid in one frame of reference."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
