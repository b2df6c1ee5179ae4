"""The use cases: issue, issue a batch, verify, readiness. No HTTP, no SQL."""
