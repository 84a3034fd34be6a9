"""Many snapshots: find them, load them in batches, and ask about all of them together."""
