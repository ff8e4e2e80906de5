"""Cohorts times scenarios: parts, survival and simulated trials."""
