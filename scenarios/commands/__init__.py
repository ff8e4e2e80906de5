"""The command `rt-twin`."""
