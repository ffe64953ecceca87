"""Tickets and their clocks."""
