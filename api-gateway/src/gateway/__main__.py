"""
``python -m gateway COMMAND``: serve, migrate, revision, settings.
"""

import sys

from gateway.main import create_app
from gateway.settings import Settings
from servicekit import durable
from servicekit.commands import Service, main

SERVICE = Service(
    package="gateway",
    settings_class=Settings,
    create_app=create_app,
    also_migrate=durable.migrate,
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
