from .texture import TextureLoss as TextureLoss
from .texture import cooccurrence as cooccurrence
from .texture import properties as properties
