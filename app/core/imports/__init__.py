"""The one import engine: columns are mapped, rows judged in batches, every row gets a verdict.

It knows no business words. What a row means is an `ImportKind` of a domain; how a file is read is an adapter.
"""
