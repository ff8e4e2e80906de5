from .colours import faint as faint
from .colours import plan_colour as plan_colour
from .export import export_dicom as export_dicom
from .page import write_report as write_report
from .picture import LUNG as LUNG
from .picture import grey as grey
from .picture import outlined as outlined
from .picture import windowed as windowed
