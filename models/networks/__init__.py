"""The networks that families are built of."""
