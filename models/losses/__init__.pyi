from .texture import TextureLoss as TextureLoss
from .texture import cooccurrence as cooccurrence
from .texture import mean_of_pairs as mean_of_pairs
from .texture import properties as properties
