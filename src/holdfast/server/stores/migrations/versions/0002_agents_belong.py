"""Agents say whose they are and how risky they may be."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for name in ("owner_person_id", "team_id", "risk_profile_id"):
        op.add_column("agents", sa.Column(name, sa.Text(), nullable=True))
