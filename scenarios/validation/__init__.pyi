from .checks import validate as validate
from .row import Row as Row
