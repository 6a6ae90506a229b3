"""
Puts a run of the demo together: folder, lock, ports, secrets, console, supervisor.
"""

import asyncio
from collections.abc import Mapping

from tools.demo.console import Console
from tools.demo.instance import only_instance
from tools.demo.log_files import LogFiles
from tools.demo.ports import check_free
from tools.demo.secrets_file import load_or_make
from tools.demo.services import Service, secret_names
from tools.demo.settings import DemoSettings
from tools.demo.supervisor import Supervisor


def run_demo(
    services: tuple[Service, ...], demo: DemoSettings, variables: Mapping[str, str]
) -> None:
    """
    Runs the services until a signal asks for the end. Raises DemoProblem with what to do.
    """
    demo.make_folders()
    with only_instance(demo.folder):
        check_free(services, demo)
        secrets = load_or_make(demo.folder / "secrets.json", secret_names(services))
        console = Console.standard([service.name for service in services], variables)
        log_files = LogFiles(demo.logs)
        supervisor = Supervisor(services, demo, secrets, console=console, log_files=log_files)
        try:
            asyncio.run(supervisor.run())
        finally:
            console.close()
            log_files.close()
