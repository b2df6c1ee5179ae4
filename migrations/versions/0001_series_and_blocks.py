"""Number spaces, series and blocks; the default series with a key of its own.

Revision: 0001
"""

import secrets
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables, and the series that always exists."""
    number_space = op.create_table(
        "number_space",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("format", sa.String(16), nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_number_space")),
        sa.UniqueConstraint("name", name=op.f("uq_number_space_name")),
    )
    series = op.create_table(
        "series",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("number_space_id", ID, nullable=False),
        sa.Column("block_size", sa.Integer, nullable=False),
        sa.Column("first_serial", sa.BigInteger, nullable=False),
        sa.Column("next_serial", sa.BigInteger, nullable=False),
        sa.Column("end_serial", sa.BigInteger, nullable=False),
        sa.Column("lease_count", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("returned_blocks", sa.Integer, server_default="0", nullable=False),
        sa.Column("failover_skip", sa.BigInteger, nullable=False),
        sa.Column("timeline", sa.String(64), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "0 <= first_serial AND first_serial <= next_serial AND next_serial <= end_serial",
            name=op.f("ck_series_serials_in_order"),
        ),
        sa.CheckConstraint("block_size > 0", name=op.f("ck_series_block_size_positive")),
        sa.ForeignKeyConstraint(
            ["number_space_id"],
            ["number_space.id"],
            name=op.f("fk_series_number_space_id_number_space"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("name", name=op.f("uq_series_name")),
        sa.UniqueConstraint(
            "number_space_id", "first_serial", name=op.f("uq_series_number_space_id_first_serial")
        ),
    )
    op.create_table(
        "block",
        sa.Column("id", ID, nullable=False),
        sa.Column("series_id", ID, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("end", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("instance", sa.String(255), nullable=False),
        sa.Column("leased_at", MOMENT, nullable=False),
        sa.Column("released_at", MOMENT, nullable=True),
        sa.CheckConstraint('start < "end"', name=op.f("ck_block_start_before_end")),
        sa.CheckConstraint(
            "state IN ('leased', 'spent', 'returned', 'skipped')", name=op.f("ck_block_state_known")
        ),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_block_series_id_series")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_block")),
        sa.UniqueConstraint("series_id", "start", name=op.f("uq_block_series_id_start")),
    )
    op.create_index("ix_block_instance", "block", ["instance"])
    op.create_index(
        "ix_block_returned",
        "block",
        ["series_id", "start"],
        postgresql_where=sa.text("state = 'returned'"),
        sqlite_where=sa.text("state = 'returned'"),
    )

    op.bulk_insert(
        number_space,
        [
            {
                "id": 1,
                # The first version had "routed" for both, and no options: 0005 tells them apart.
                "name": "{origin}{destination}{body:11}{check}",
                "format": "pattern",
                "options": {
                    "pattern": "{origin}{destination}{body:11}{check}",
                    "alphabet": "crockford",
                    "check": "mod-33-32",
                },
                "key": secrets.token_bytes(32),
            }
        ],
    )
    op.bulk_insert(
        series,
        [
            {
                "id": 1,
                "name": "default",
                "number_space_id": 1,
                "block_size": 10_000,
                "first_serial": 0,
                "next_serial": 0,
                "end_serial": 10**13,
                "failover_skip": 10**9,
                "created_at": datetime.now(UTC),
            }
        ],
    )
    if op.get_context().dialect.name == "postgresql":
        # The rows above brought their ids; the sequences behind are to go on after them.
        for table in ("number_space", "series"):
            op.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1)")


def downgrade() -> None:
    """Drop the tables. The key is lost with them: numbers issued so far can be read no more."""
    op.drop_table("block")
    op.drop_table("series")
    op.drop_table("number_space")
