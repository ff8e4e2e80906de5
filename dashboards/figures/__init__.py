"""Figures as plotly JSON."""
