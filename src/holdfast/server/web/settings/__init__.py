"""The settings page: tokens, retention, room, how recording goes, prices, version."""
