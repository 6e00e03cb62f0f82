"""CloudBlue Commerce SimpleAPI 1.15: the interface that the marketplaces of several distributors have in common.

A connector gives addresses and credentials as a `Marketplace`, and lets `SimpleApi` test and read it.
"""
