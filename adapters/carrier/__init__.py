"""What carriers share: a carrier is data plus a few verbs, and everything here works from that data."""
