"""Scripts behind the Makefile; all but the ones started through .venv need Python's own library only."""
