from .config import load_config as load_config
from .run import LOG as LOG
from .trainer import train as train
