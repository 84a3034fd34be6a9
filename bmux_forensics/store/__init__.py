"""The only room that changes a file, and it knows bytes only.

How a change happens, in this order, and why each step is there:

1. `lock.locked`: whoever edits offline, bmux included, waits for the others.
2. `reading.read_regular`: the bytes, and which inode they came from.
3. `backup.keep_backup`: the old bytes are safe, proven and on the disk before
   anything can happen to them.
4. `replace.stage`: whatever can fail by a full disk or a missing permission fails
   here, beside the file and not in it.
5. `Staged.commit`: one last look at the file, one rename that keeps what it replaces in
   our hand (`swapping`), the folder to the disk, and the proof, read back from where the
   next reader will read.

Up to the rename a failure leaves the old file as it was, after it the new one.
`aside.move_aside` is the same for a file that can't be read at all, and `unlock`
breaks a lock whose holder is proven gone. Temporary names tell which process made
them; the next run removes those of the dead.

Nothing is imported here, so that a reader of one file pays for nothing else.
"""
