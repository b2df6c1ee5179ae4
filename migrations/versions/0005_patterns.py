"""Every number space says its pattern; those made before keep the numbers that they write.

Revision: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from tracking_service.errors import SchemaError

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SPACE = sa.table(
    "number_space",
    sa.column("id", sa.BigInteger),
    sa.column("name", sa.String),
    sa.column("format", sa.String),
    sa.column("options", sa.JSON),
)
SERIES = sa.table(
    "series", sa.column("number_space_id", sa.BigInteger), sa.column("lease_count", sa.BigInteger)
)
ROUTED = "{origin}{destination}{body:11}{check}"
PATTERN = ("pattern", "alphabet", "check")


def pattern_of(format: str, options: dict[str, str]) -> dict[str, str]:
    """What a space of the first version's formats writes."""
    if format == "routed":
        return {
            "pattern": ROUTED,
            "alphabet": "base36",
            "check": "mod-37-36",
        }
    return {
        "pattern": f"{options['service']}{{body:8}}{{check}}{{origin:{options['country']}}}",
        "alphabet": "digits",
        "check": "s10",
    }


def upgrade() -> None:
    """Add the pattern to the options. Instances of the version before read what they did."""
    connection = op.get_bind()
    for id, format, options in connection.execute(
        sa.select(SPACE.c.id, SPACE.c.format, SPACE.c.options)
    ).all():
        if "pattern" not in options:
            added = {**options, **pattern_of(format, options)}
            connection.execute(sa.update(SPACE).where(SPACE.c.id == id).values(options=added))


def downgrade() -> None:
    """Take it out again. The version before can read no number of any other pattern.

    A default series that was never used becomes what the version before makes.
    """
    connection = op.get_bind()
    others = connection.execute(
        sa.select(SPACE.c.id, SPACE.c.name).where(SPACE.c.format == "pattern")
    ).all()
    used = connection.execute(
        sa.select(sa.func.count()).where(
            SERIES.c.number_space_id.in_([space.id for space in others]), SERIES.c.lease_count > 0
        )
    ).scalar_one()
    if used or any(space.name != ROUTED for space in others):
        raise SchemaError(
            "the version before cannot read the numbers of every series of this database, so it"
            " would issue some of them again"
        )
    for id, options in connection.execute(sa.select(SPACE.c.id, SPACE.c.options)).all():
        kept = {name: value for name, value in options.items() if name not in PATTERN}
        connection.execute(sa.update(SPACE).where(SPACE.c.id == id).values(options=kept))
    connection.execute(
        sa.update(SPACE).where(SPACE.c.format == "pattern").values(format="routed", name="routed")
    )
