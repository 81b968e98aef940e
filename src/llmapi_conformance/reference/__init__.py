"""The reference side: a scripted provider, a conforming gateway in front of it, and their faults and variations."""
