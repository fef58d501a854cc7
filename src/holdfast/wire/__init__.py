"""What crosses a process boundary: the words, the records and their encoding. Each is spelled once, here."""
