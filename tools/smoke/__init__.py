"""
``make smoke``: a storefront's journey through a running shop, wherever it runs, and what was wrong with it.

:mod:`tools.smoke.journey` is the journey, station by station. Standard library only: whoever runs the
shop in containers need not install it.
"""
