"""Measures the service beside its peers: `make bench`, `make scale`. docs/benchmarks.md tells how.

Nothing of the package imports this folder, and the folder measures the package as its users meet
it: as processes that answer HTTP, or through its public classes.
"""
