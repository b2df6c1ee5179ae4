"""One running process: its name, its open series, the thread that leases, who may wait."""
