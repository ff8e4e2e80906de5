"""The scenario engine: plans become courses, courses become dose and images."""
