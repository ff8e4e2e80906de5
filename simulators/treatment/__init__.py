"""Virtual treatments that need no weights."""
