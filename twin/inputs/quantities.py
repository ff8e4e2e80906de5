"""The numbers that users give, one type a quantity, each with the bounds within which it means something.

pydantic models take them as types of their fields; `twin.inputs.bounds` holds arguments and plain dataclasses to them.
A new number that a user can give takes one of these, or gets its own here.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

LONGEST_DAYS = 36_525  # a hundred years
_DATED_DAYS = 2 * LONGEST_DAYS  # shifted dates of birth and of scans lie further apart than a life is long

# Time, days from day 0. What lies before day 0 is history and comes from a patient's files only.
Day = Annotated[int, Field(ge=0, le=LONGEST_DAYS)]
GapDays = Annotated[int, Field(ge=1, le=365)]
Time = Annotated[float, Field(ge=0, le=LONGEST_DAYS, allow_inf_nan=False)]
DatedTime = Annotated[float, Field(ge=-_DATED_DAYS, le=_DATED_DAYS, allow_inf_nan=False)]
Horizon = Annotated[float, Field(ge=1, le=LONGEST_DAYS, allow_inf_nan=False)]
ImageDay = Annotated[float, Field(gt=0, le=LONGEST_DAYS, allow_inf_nan=False)]
ImageSpacing = Annotated[float, Field(ge=1, le=LONGEST_DAYS, allow_inf_nan=False)]
ClinicDays = Annotated[int, Field(ge=1, le=3660)]
WarmUpDays = Annotated[int, Field(ge=0, le=3659)]
Weekday = Annotated[int, Field(ge=0, le=6)]
Hour = Annotated[float, Field(ge=0, le=24, allow_inf_nan=False)]
WorkHours = Annotated[float, Field(gt=0, le=80, allow_inf_nan=False)]  # on one task
VisitMinutes = Annotated[float, Field(gt=0, le=480, allow_inf_nan=False)]
MOST_SEQUENCE_DAYS = 500
SequenceDays = Annotated[int, Field(ge=3, le=MOST_SEQUENCE_DAYS)]  # of the published simulator
HorizonDays = Annotated[int, Field(ge=1, le=60)]  # of its forecasts

# Dose, Gy.
Gray = Annotated[float, Field(ge=0, le=200, allow_inf_nan=False)]
DeliveredGray = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]  # as any record may have it
Prescribed = Annotated[float, Field(gt=0, le=300, allow_inf_nan=False)]  # by an imported dose
Threshold = Annotated[float, Field(gt=0, le=200, allow_inf_nan=False)]  # of a policy
AlphaBeta = Annotated[float, Field(ge=0.1, le=100, allow_inf_nan=False)]

# Size.
Cm3 = Annotated[float, Field(ge=0, le=4000, allow_inf_nan=False)]
TumourCm3 = Annotated[float, Field(gt=0, le=4000, allow_inf_nan=False)]
InSilicoCm3 = Annotated[float, Field(ge=0.2, le=400, allow_inf_nan=False)]
Measured = Annotated[float, Field(ge=0, le=4000, allow_inf_nan=False)]  # cm3 or SUV
Suv = Annotated[float, Field(ge=0, le=200, allow_inf_nan=False)]
Millimetres = Annotated[float, Field(gt=0, le=500, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

# Virtual scans.
Hounsfield = Annotated[float, Field(ge=-1024, le=10_000, allow_inf_nan=False)]
DoseShare = Annotated[float, Field(ge=0.01, le=1, allow_inf_nan=False)]
SliceMm = Annotated[float, Field(ge=0.5, le=20, allow_inf_nan=False)]
Mas = Annotated[float, Field(ge=1, le=5000, allow_inf_nan=False)]
Views = Annotated[int, Field(ge=60, le=1440)]
FieldMm = Annotated[float, Field(ge=20, le=600, allow_inf_nan=False)]
VoxelMm = Annotated[float, Field(ge=0.5, le=10, allow_inf_nan=False)]
BreathMm = Annotated[float, Field(ge=0, le=40, allow_inf_nan=False)]
BreathSeconds = Annotated[float, Field(ge=2, le=20, allow_inf_nan=False)]
Metastases = Annotated[int, Field(ge=0, le=6)]
Snr = Annotated[float, Field(ge=5, le=500, allow_inf_nan=False)]
FwhmMm = Annotated[float, Field(ge=3, le=12, allow_inf_nan=False)]
CountNoise = Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)]  # SD over mean in the liver
UptakeMinutes = Annotated[float, Field(ge=30, le=180, allow_inf_nan=False)]
Bias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

# Counts.
Fractions = Annotated[int, Field(ge=1, le=100)]  # of one phase
MOST_FRACTIONS = 200  # of a whole course
FractionNumber = Annotated[int, Field(ge=1, le=MOST_FRACTIONS)]
SomeFractions = Annotated[int, Field(ge=0, le=MOST_FRACTIONS)]
Samples = Annotated[int, Field(ge=1, le=100_000)]
SomeSamples = Annotated[int, Field(ge=0, le=100_000)]
SampleNumber = Annotated[int, Field(ge=0, lt=100_000)]
Patients = Annotated[int, Field(ge=1, le=10_000_000)]
TestPatients = Annotated[int, Field(ge=1, le=1000)]  # of the published simulator, each some hundred sequences
ManyPatients = Annotated[int, Field(ge=1, le=100_000)]
LearnedFrom = Annotated[int, Field(ge=10, le=100_000)]
SetPatients = Annotated[int, Field(ge=1, le=1_000_000)]  # of an in-silico set
PartSize = Annotated[int, Field(ge=1, le=100_000)]  # patients
Steps = Annotated[int, Field(ge=1, le=10_000_000)]
Few = Annotated[int, Field(ge=1, le=1000)]
SomeFew = Annotated[int, Field(ge=0, le=1000)]
Workers = Annotated[int, Field(ge=1, le=256)]

# What is not physical.
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Confounding = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]  # of a part of a loss
Minutes = Annotated[float, Field(gt=0, le=30 * 24 * 60, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=0, le=65_535)]
