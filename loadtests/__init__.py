"""Callers as Locust plays them: `make load`, or the web interface; docs/benchmarks.md tells how."""
