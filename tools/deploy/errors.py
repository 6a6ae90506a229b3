"""
What keeps a deployment from being done.
"""


class DeployProblem(Exception):
    """
    The deployment cannot go on. The message is for the person at the terminal and says what to do.
    """
