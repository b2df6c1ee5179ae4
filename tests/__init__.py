"""The test suite: pure things in unit/, stores and surfaces in integration/, faults in faults/."""
