from .pet import avid as avid
