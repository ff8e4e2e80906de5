"""What the viewer shows: a subject, its packed voxels and the addresses they are fetched from."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
