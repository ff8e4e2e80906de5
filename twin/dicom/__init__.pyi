from .reader import read_series as read_series
from .studies import Studies as Studies
