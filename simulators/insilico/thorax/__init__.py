"""The in-silico thorax: walls, organs, bones, branching trees, tumour and noise of a synthetic CT."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
