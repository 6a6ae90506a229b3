"""
The gateway's reading side under load, beside its peers.
"""
