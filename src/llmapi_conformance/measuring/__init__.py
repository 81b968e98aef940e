"""Measuring: pure functions from exchanges to statistics with confidence intervals, and from these to objectives."""
