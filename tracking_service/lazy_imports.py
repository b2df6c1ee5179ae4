"""Keeps forks and late imports apart.

An import holds a lock of its module. The child of a fork in that moment has the lock held for ever,
and would wait at the same import. So what a request is the first to import, it imports within
`import_lock`, and a fork waits for it.
"""

import os
import threading

# Reentrant, so that a module which forks while it is imported does not wait for itself.
import_lock = threading.RLock()

os.register_at_fork(
    before=import_lock.acquire,
    after_in_parent=import_lock.release,
    after_in_child=import_lock.release,
)
