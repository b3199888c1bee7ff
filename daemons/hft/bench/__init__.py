"""Benchmarks of what `hft` shares: `hft bench ring`."""
