"""Plans, doses and treatment records: what was planned and what was given."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
