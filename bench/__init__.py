"""Measurements beside a bare floor; see README.md."""
