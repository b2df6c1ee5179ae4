"""A series may name its successor, and be closed; a batch says which series its serials are of.

Revision: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BATCH = sa.table("batch", sa.column("series", sa.String))


def upgrade() -> None:
    """Add the columns. No series has a successor yet, and batches are of the series asked for."""
    op.add_column("series", sa.Column("successor", sa.String(32), nullable=True))
    op.add_column("series", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("batch", sa.Column("series", sa.String(32), nullable=True))


def downgrade() -> None:
    """Drop them: closed series are open again, and those that run out refuse requests.

    The version before would write the serials of a successor as numbers of the series that was
    asked for, so such batches are forgotten: a retry of one gets other numbers.
    """
    op.execute(sa.delete(BATCH).where(BATCH.c.series.is_not(None)))
    op.drop_column("batch", "series")
    op.drop_column("series", "closed_at")
    op.drop_column("series", "successor")
