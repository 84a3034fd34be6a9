"""See, explain, mend and safely edit the snapshots of the bmux terminal multiplexer."""
