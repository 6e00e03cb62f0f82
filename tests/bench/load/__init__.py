"""`manage.py bench load`: twenty people click while everything else goes on, for a minute or for hours."""
