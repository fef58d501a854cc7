"""The span store: settled spans and events in ClickHouse, or in its in-process form, chDB."""
