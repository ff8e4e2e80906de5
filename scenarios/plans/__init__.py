"""Plans, scenarios and policies: what is prescribed, when, and what may change it."""
