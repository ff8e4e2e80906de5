"""Virtual scanners by physics."""
