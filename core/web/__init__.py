"""Routes beside the pages, same process and port: health, metrics and signing in; and what stands before every page load."""
