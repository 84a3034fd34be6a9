"""What people do: open a snapshot, kill, unlock. Plan, encode, host and store in one order.

What can't be undone comes last: encode everything, take the lock, read again,
compare, look for a live server, back up, stage, look one last time, rename, prove,
let go of the lock, and only then end processes. A failure before the rename leaves
the old file, after it the new one; never a mixture.
"""
