from .scene import build as build
from .texture import ct_noise as ct_noise
from .tumour import Wish as Wish
