"""Imaging tasks: how a patient becomes tensors, and tensors a scan."""

from models.registry import Registry

TASKS = Registry("task", "tasks", "simulators.tasks")
