from .cohort import labels as labels
