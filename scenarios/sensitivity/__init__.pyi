from .drivers import sensitivity as sensitivity
from .indices import Indices as Indices
from .indices import sobol_indices as sobol_indices
