from .mapping import EXECUTORS as EXECUTORS
from .mapping import mapper as mapper
from .pool import pool_map as pool_map
