from .evidence import ARMS as ARMS
from .evidence import BLIND as BLIND
from .evidence import Evidence as Evidence
from .evidence import Row as Row
from .evidence import evidence as evidence
from .evidence import read_evidence as read_evidence
