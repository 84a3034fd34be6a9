"""The command line: one module a verb, thin, on nothing but the package's public names.

`app` holds the group and turns every refusal into one line and an exit code,
`output` renders rows for people, pipes and programs, `options` has what verbs share.
"""

from bmux_forensics.cli.app import main

__all__ = ["main"]
