from .child import Job as Job
from .child import Jobs as Jobs
