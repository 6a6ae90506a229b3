"""
Asks a service whether it is ready.
"""

import asyncio

_ASK_WITHIN_S = 2.0


async def is_ready(host: str, port: int) -> bool:
    """
    Whether ``/health/ready`` answers 200. No proxy of the environment is asked.
    """
    try:
        async with asyncio.timeout(_ASK_WITHIN_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                request = f"GET /health/ready HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
                writer.write(request.encode())
                status_line = await reader.readline()
            finally:
                writer.close()
    except OSError:
        return False
    return status_line.split()[1:2] == [b"200"]
