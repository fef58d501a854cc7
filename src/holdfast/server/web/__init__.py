"""The console: pages for people, rendered by the server, better with scripts and whole without."""
