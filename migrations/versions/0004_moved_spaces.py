"""When a number space was moved to another database; this one makes no series in it any more.

Revision: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; no space has been moved yet."""
    op.add_column("number_space", sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop it: series could be made in a moved space again, and then repeat the other's numbers."""
    op.drop_column("number_space", "moved_at")
