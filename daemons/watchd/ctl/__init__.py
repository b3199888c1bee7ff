"""The `watchd ctl` command. What `kill` imports is kept to what it needs: tests/watchd/ctl/test_start.py."""
