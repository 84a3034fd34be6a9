"""Questions to the tables, as joins: what a selector means, what a kill takes with it.

Pure: DataFrames in, DataFrames out. `selectors` resolves what a person typed,
`cascade` follows the relation graph (it names no table) and `plans` turns what it
found into the plan that a person reads and that `actions` carries out.
"""
