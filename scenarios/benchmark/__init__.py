"""Generators judged on patients that they never saw."""
