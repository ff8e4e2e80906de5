"""Plans compared for one patient under common random numbers."""
