from .carrying import carried as carried
from .carrying import moved as moved
from .onto_baseline import Registered as Registered
from .onto_baseline import register as register
