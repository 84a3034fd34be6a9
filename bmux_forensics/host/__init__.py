"""Facts of this machine, and the one place that signals processes.

Nothing is imported here on purpose: `host.paths` and `host.server` load without
pandas and psutil, so that a command that only asks where a file is stays quick.
"""
