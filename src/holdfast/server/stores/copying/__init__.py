"""From one database into another."""
