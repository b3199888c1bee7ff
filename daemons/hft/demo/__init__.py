"""`hft demo`: paperd, feedd and braind as one group, with a live screen and a report that adds up."""
