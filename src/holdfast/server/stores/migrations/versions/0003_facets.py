"""What each run used (models, tools, failures, events), and hourly sums of it."""

from __future__ import annotations

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nothing yet."""
