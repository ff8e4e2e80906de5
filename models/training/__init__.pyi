from .config import load_config as load_config
from .trainer import LOG as LOG
from .trainer import train as train
