"""Panels that people drive: pick a snapshot, audit it, mend it, kill in it, take it back.

Thin over the package's public names. `panel` has what all panels share: the one place
where a handler's errors become a line on the screen and stay on `last_error`. `change`
adds looking at a plan, applying it to exactly those bytes, and undoing. The rest is one
module a panel or a part of one; `markup` is the only one that writes HTML out of evidence,
and escapes all of it.
"""
