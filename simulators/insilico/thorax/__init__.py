"""The in-silico thorax: walls, organs, bones, branching trees, tumour and noise of a synthetic CT."""
