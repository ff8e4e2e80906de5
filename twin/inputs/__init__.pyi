from .bounds import bounded as bounded
from .bounds import check as check
from .bounds import check_fields as check_fields
from .bounds import shortened as shortened
from .mapping import read_mapping as read_mapping
from .memory import MOST_GB as MOST_GB
from .memory import afford as afford
