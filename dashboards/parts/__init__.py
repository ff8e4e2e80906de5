"""Parts of pages: cards, forms and small pieces."""
