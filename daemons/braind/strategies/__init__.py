"""Strategies that come with the suite."""
