"""Numbers of the published simulator that its simulation and its compiled loops share."""

import numpy as np

DEATH_CM = 13.0
DEATH_CM3 = np.pi / 6 * DEATH_CM**3  # volumes and errors are given in parts of it: 1150 cm3
CAPACITY_CM3 = np.pi / 6 * 30.0**3
CELLS_PER_CM3 = 5.8e8
NOISE_SD = 0.01
CHEMO_DOSE, RADIO_GY = 5.0, 2.0
