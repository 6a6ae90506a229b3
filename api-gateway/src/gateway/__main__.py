"""
``python -m gateway COMMAND``: serve, settings.
"""

import sys

from gateway.main import create_app
from gateway.settings import Settings
from servicekit.commands import Service, main

SERVICE = Service(package="gateway", settings_class=Settings, create_app=create_app)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
