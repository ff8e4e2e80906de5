"""Files on disk: the twin folder, NIfTI, NRRD and MetaImage, archives and clinical tables; whole or not at all."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
