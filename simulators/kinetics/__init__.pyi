from .published import PublishedKinetics as PublishedKinetics
from .published import PublishedTumour as PublishedTumour
from .standard import StandardTumour as StandardTumour
