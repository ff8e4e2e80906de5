"""Radiobiology, and the tumour's kinetics in three grains."""
