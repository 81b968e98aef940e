"""What is promised: loads ``specs/`` into frozen types."""
