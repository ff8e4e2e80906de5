from .series import Series as Series
from .series import Stack as Stack
from .series import volume as volume
