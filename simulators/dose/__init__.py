"""Dose: from a prescription, its histograms, its comparison and its sum over moving tissue."""
