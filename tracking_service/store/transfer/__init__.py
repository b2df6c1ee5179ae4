"""Moving every series to another database: an export that seals, and an import into a fresh one.

No number repeats, because the two databases never have the same serials to give. The transaction
that reads the rows also seals the series: all serials that no lease had taken, and all tails that
had been handed back, belong to the export from its commit on and are left out here. What was
leased before stays with the instances that hold it, whatever becomes of it, and the importing
database knows those blocks as leased.
"""

from tracking_service.store.transfer.export import export, reopen
from tracking_service.store.transfer.imports import import_

__all__ = ["export", "import_", "reopen"]
