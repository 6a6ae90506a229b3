"""
What the gateway says of itself: its front page, its description, its health.
"""

from catalog_app import WAYS_TO_INVENTORY
from gateway_app import client_of, running, settings_for

from gateway.main import create_app


async def test_the_front_page_says_what_this_is() -> None:
    """
    Name, version, and addresses that are there.
    """
    settings = settings_for(service_version="1.2.3", api_v1_prefix="/shop/v1")
    async with running(settings) as app, client_of(app) as http:
        page = (await http.get("/")).json()
        linked = [(await http.get(page["links"][name])).status_code for name in ("docs", "openapi")]

    assert (page["name"], page["version"]) == ("Storefront Gateway", "1.2.3")
    assert page["links"]["health"] == "/health"
    assert page["links"]["api"] == "/shop/v1"
    assert linked == [200, 200]


async def test_the_front_page_needs_no_token_and_no_scope() -> None:
    """
    It is open also where guests may do nothing.
    """
    async with running(settings_for(anonymous_scopes=())) as app, client_of(app) as http:
        answer = await http.get("/")

    assert answer.status_code == 200


async def test_the_prefix_moves_the_api_whole() -> None:
    """
    Under API_V1_PREFIX stands every route but the front page, the pictures (inventory says where)
    and the kit's; tokens are not looked at where people sign in, wherever that is.
    """
    async with running(settings_for(api_v1_prefix="/shop")) as app, client_of(app) as http:
        http.headers["Authorization"] = "Bearer long-gone"
        there = await http.post("/shop/auth/token", data={})
        gone = await http.post("/api/v1/auth/token", data={})
        paths = app.openapi()["paths"]

    assert (there.status_code, gone.status_code) == (400, 401)
    own = {
        "/",
        "/pictures/{product_id}.svg",
        "/health",
        "/health/live",
        "/health/ready",
        "/metrics",
    }
    assert all(path.startswith("/shop/") for path in paths.keys() - own)


async def test_health_tells_of_every_backend() -> None:
    """
    /health names the ways out and their breakers, and is healthy until one has failed.
    """
    async with running(settings_for()) as app, client_of(app) as http:
        health = (await http.get("/health")).json()

    assert (health["service"], health["status"]) == ("api-gateway", "healthy")
    backends = {"identity", "accounts", "pricing", *WAYS_TO_INVENTORY}
    backends |= {
        f"{one}-{way}" for one in ("inventory", "pricing") for way in ("orders", "reports")
    }
    assert health["dependencies"] == dict.fromkeys({*backends, "database"}, "healthy")
    assert {*health["details"]["upstreams"]} == backends


async def test_a_backend_that_is_left_alone_degrades_it() -> None:
    """
    An open breaker shows as an unhealthy dependency; the gateway goes on serving, and is ready.
    """
    settings = settings_for(circuit_breaker_threshold=1)
    async with running(settings) as app, client_of(app) as http:
        await http.post("/api/v1/auth/token", data={"grant_type": "refresh_token"})
        health = await http.get("/health")
        ready = await http.get("/health/ready")

    assert (health.status_code, health.json()["status"], ready.status_code) == (
        200,
        "degraded",
        200,
    )
    ill = [name for name, state in health.json()["dependencies"].items() if state == "unhealthy"]
    assert ill == ["accounts"]


def test_every_route_is_described() -> None:
    """
    Each route has a summary, each of its errors an example, and each good answer a model or none.
    """
    paths = create_app(settings_for()).openapi()["paths"]

    for path, operations in paths.items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            for status, response in operation["responses"].items():
                if status.startswith("4"):
                    assert response["content"]["application/json"]["examples"], (path, status)
