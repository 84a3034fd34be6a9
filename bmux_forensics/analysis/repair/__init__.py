"""The smallest change that makes a server start, save, and bring everything back.

`layouts` and `pane_rows` compute the mended form of one row as pure functions,
`pane_sections`, `small_sections` and `envelopes` say which rows and sections are
mended and how, as `changes`, and `plan` makes a plan of them: like a kill's, so that
it goes through the same door.
"""
