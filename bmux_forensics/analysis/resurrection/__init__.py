"""Resurrection: what one snapshot says of a session becomes rows of another one.

The reverse of a kill: where that cascades away from a session along the relation graph,
this brings the same rows back, in the form and at the places of the snapshot they come to.
"""
