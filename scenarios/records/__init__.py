"""What is kept of a run or a study: formats, schemas and folders."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
