"""What is kept of a run or a study: formats, schemas and folders."""
