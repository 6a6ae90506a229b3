"""
What the gateway says of itself: its front page, its description, its health.
"""

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
    Under API_V1_PREFIX stands every route but the front page and the kit's; tokens are not looked
    at where people sign in, wherever that is.
    """
    async with running(settings_for(api_v1_prefix="/shop")) as app, client_of(app) as http:
        http.headers["Authorization"] = "Bearer long-gone"
        there = await http.post("/shop/auth/token", data={})
        gone = await http.post("/api/v1/auth/token", data={})
        paths = app.openapi()["paths"]

    assert (there.status_code, gone.status_code) == (400, 401)
    own = {"/", "/health", "/health/live", "/health/ready", "/metrics"}
    assert all(path.startswith("/shop/") for path in paths.keys() - own)


async def test_health_tells_of_every_backend() -> None:
    """
    /health names the breakers of the ways out, and is healthy without them: it can do its own work.
    """
    async with running(settings_for()) as app, client_of(app) as http:
        health = (await http.get("/health")).json()

    assert (health["service"], health["status"]) == ("api-gateway", "healthy")
    assert {*health["details"]["upstreams"]} == {"identity", "accounts", "inventory", "pricing"}


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
