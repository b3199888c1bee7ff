"""A venue in a box: replays or generates an ITCH day as MoldUDP64. Never part of hft.target."""
