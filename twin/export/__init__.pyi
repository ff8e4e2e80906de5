from .dicom import CtSeries as CtSeries
from .dicom import Origin as Origin
from .dicom import write_ct as write_ct
from .dicom import write_rtdose as write_rtdose
from .dicom import write_rtplan as write_rtplan
from .dicom import write_rtstruct as write_rtstruct
