"""What is believed about a tumour: the prior, and what observations teach."""
