"""Pictures of snapshots: what stands where is worked out first, as data; then it is drawn."""
