from .batch import Batch as Batch
from .channel import Channel as Channel
from .condition import Condition as Condition
from .family import Family as Family
from .family import FamilyConfig as FamilyConfig
from .registry import FAMILIES as FAMILIES
from .registry import Registry as Registry
from .task import Task as Task
