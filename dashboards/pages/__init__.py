"""The pages of the dashboard: each module lays out one page and registers its callbacks."""
