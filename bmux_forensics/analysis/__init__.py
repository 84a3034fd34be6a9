"""Questions to the tables, as joins: what a selector means, what a kill takes with it.

Pure: DataFrames in, DataFrames out. `selectors` resolves what a person typed,
`cascade` follows the relation graph (it names no table) and `plans` turns what it
found into the plan that a person reads and that `actions` carries out. `encoding` and
`reshaping` make bytes of a plan. `rules` says what can be wrong, `audit` finds it,
`restore` foretells what a server makes of it, `repair` plans the mend and `status`
says of each session what it amounts to.
"""
