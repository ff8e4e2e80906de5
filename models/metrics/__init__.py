"""Scores of arrays: what an image, a mask and a forecast are judged by, whatever they show."""
