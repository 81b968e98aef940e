"""What came back, redacted: exchanges, the journal they are kept in, and views on their bytes."""
