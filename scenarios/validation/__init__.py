"""The engine held against exact values and published outcomes."""
