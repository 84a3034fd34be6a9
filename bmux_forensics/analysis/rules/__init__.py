"""What can be wrong with a snapshot, as data: one frozen `Rule` for each kind of finding.

`model` has the vocabulary, `section_rules`, `pane_rules` and `reference_rules` the
facts, `book` looks them up and prints them. Nothing here looks at a snapshot.
"""
