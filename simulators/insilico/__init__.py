"""Patients with a known truth: the thorax, how it answers treatment, and how a clinic sees it."""
