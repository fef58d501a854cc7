"""Files of recorded agent runs (one JSON object a line) and the way they take into the record."""
