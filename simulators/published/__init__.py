"""The published counterfactual simulator of tumour growth, and forecasters on it."""
