"""Imaging tasks: how a patient becomes tensors, and tensors a scan."""
