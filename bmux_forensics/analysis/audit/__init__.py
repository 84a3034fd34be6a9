"""What is wrong with snapshots: one pass over the tables, one DataFrame of findings.

`evidence` holds what every check looks at, `antijoin` finds rows that match none,
the modules named for what they look at (`references`, `envelopes`, `pane_rows`,
`panes`, `naming`, `fields`, `machine`) find, `findings` says it in words and rows, and
`run` has `audit` itself. No check loops over snapshots: one or a thousand are the
same joins.
"""
