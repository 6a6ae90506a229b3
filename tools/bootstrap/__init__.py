"""
Makes ``.venv`` and keeps it in step with the lock files; run as ``python -m tools.bootstrap``.

Standard library only, because it runs before anything is installed.
"""
