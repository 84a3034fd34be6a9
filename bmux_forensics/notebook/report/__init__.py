"""The report: everything that is known of some snapshots, as one file that asks for nothing."""
