"""What processes of their own need, loaded before one is asked for: a scanner's libraries take seconds to load."""

from dashboards.jobs.scan_look import look
from simulators.names.scanners import SCANNERS

LOADED = (look, *(SCANNERS[name] for name in SCANNERS))
