"""Adaptation policies, one a file: the file's name is the policy's, with spaces for underscores."""
