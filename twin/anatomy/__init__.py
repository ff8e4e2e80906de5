"""Organs found or estimated in the CT, and scans brought to its frame."""
