from .constants import CAPACITY_CM3 as CAPACITY_CM3
from .constants import CELLS_PER_CM3 as CELLS_PER_CM3
from .constants import CHEMO_DOSE as CHEMO_DOSE
from .constants import DEATH_CM3 as DEATH_CM3
from .constants import NOISE_SD as NOISE_SD
from .simulator import Kill as Kill
from .simulator import draw_tumours as draw_tumours
