"""Long work as child processes, and the tray that shows it."""
