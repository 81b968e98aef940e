"""The gateway under test: target files, keyring, profiles."""
