from .record import ClinicalRecord as ClinicalRecord
