"""Learned generators on patients."""
