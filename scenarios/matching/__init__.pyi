from .doses import Matches as Matches
from .doses import OrganTables as OrganTables
from .doses import ReferencePatients as ReferencePatients
from .replans import MatchedLibrary as MatchedLibrary
