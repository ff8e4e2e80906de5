"""What lies in the opened folder."""
