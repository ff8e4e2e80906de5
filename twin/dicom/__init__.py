"""DICOM as it comes from clinics: series, structures, plans, doses and treatment records, read as one timeline."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
