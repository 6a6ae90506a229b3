"""
``make trace``: places one order in a shop of its own and draws its trace in the terminal.

Read :mod:`tools.trace.story` for what happens in the shop and :mod:`tools.trace.drawing` for what is shown.
"""
