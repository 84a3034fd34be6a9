"""The snapshot on disk: envelope, checksum, sections and their payloads. Bytes in, bytes out.

An envelope is a JSON object that carries *sections*; each section is an id, a
version and a payload, and the payload is JSON again, written as an array of
byte values. `envelope` is the outer shell and `parsing` opens it, `sections` says what lies inside
(one row of facts for each id), `models` gives every payload its pydantic model,
`reading` decodes a payload and keeps what is wrong with it, `edits` changes a
decoded payload at JSON pointers and `document` holds one snapshot together.
`salvage` makes a new snapshot of what is whole in a damaged one: `mending` undoes
one wrong byte, `wreck` looks for sections in broken text, `carving` for rows.

Nothing here touches a file or knows of tables.
"""
