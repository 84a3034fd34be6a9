"""A snapshot as a relational database that nobody declared: declared here, as data.

`schema` has the vocabulary (tables, columns, references), `catalog` every table
of the format, `graph` what refers to what and what a kill does about it.
`walk` finds the rows in the JSON trees, `build` makes DataFrames of them and
`provenance` says where they came from. One snapshot or a thousand: the same code.
"""
