"""The snapshot on disk: envelope, checksum, sections and their payloads. Bytes in, bytes out.

An envelope is a JSON object that carries *sections*; each section is an id, a
version and a payload, and the payload is JSON again, written as an array of
byte values. `envelope` opens the outer shell, `sections` says what lies inside
(one row of facts for each id), `models` gives every payload its pydantic model,
`reading` decodes a payload and keeps what is wrong with it, `edits` changes a
decoded payload at JSON pointers and `document` holds one snapshot together.

Nothing here touches a file or knows of tables.
"""
