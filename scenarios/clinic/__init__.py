"""A radiotherapy department as queues."""
