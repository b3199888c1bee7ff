"""What braind, watchd and the people's `hft` command share: layout, regions, configuration, clock, log."""
