"""What a server makes of a snapshot when it starts, foretold without one.

`pane_rows` has the checks of one pane row, `alpha4` and `alpha1` the two servers in
the order in which they look at things, `losses` what is gone for good at the next
save, and `forecast` puts it into a DataFrame, together with the findings it comes from.
"""
