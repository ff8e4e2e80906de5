"""Ways to learn a translation, one file each."""

from models.registry import Registry

FAMILIES = Registry("family", "families", "models.families")
