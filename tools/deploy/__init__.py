"""
What ``make deploy`` runs: puts an overlay on the cluster that the caller names, and on no other.
"""
