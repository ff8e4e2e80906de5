"""Examples as arrays, and slices as a network sees them."""
