from .pet import PetScanner as PetScanner
from .pet import avid as avid
