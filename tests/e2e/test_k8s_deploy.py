"""
``make deploy``: which cluster it goes to, what it does there, and what keeps it from going.
"""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import JsonValue, TypeAdapter

from tests.e2e.k8s_manifests import rendered
from tools.deploy import jobs
from tools.deploy.__main__ import main
from tools.deploy.errors import DeployProblem
from tools.deploy.kubectl import Kubectl, contexts
from tools.deploy.placing import Overlay, place, prepare, wait
from tools.k8s_check.local_secrets import FILES, make_missing
from tools.k8s_check.rendering import FOLDER, shop

#: Stands in for kubectl: writes down what it is asked, and answers what the test has laid out.
STAND_IN = """\
#!{python}
import json, pathlib, sys
folder = pathlib.Path({folder!r})
with (folder / "asked").open("a") as asked:
    asked.write(json.dumps(sys.argv[1:]) + "\\n")
words = [word for word in sys.argv[1:] if not word.startswith("--")]
answer = folder / "-".join(words[:2]).replace("/", "_")
complaint = answer.with_suffix(".complaint")
if words[0] == "apply":
    (folder / "applied").write_text(sys.stdin.read())
if words[:2] == ["config", "get-contexts"]:
    print("kind-shop\\nsomebody-elses")
elif answer.is_file():
    print(answer.read_text())
elif complaint.is_file():
    sys.exit(complaint.read_text())
elif words[0] == "get":
    print(json.dumps({{"items": []}}))
"""
_ASKED = TypeAdapter(list[str])


class Cluster:
    """
    A kubectl that a test can see through.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.program = folder / "kubectl"
        self.program.write_text(STAND_IN.format(python=sys.executable, folder=str(folder)))
        self.program.chmod(0o755)

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl("kind-shop", program=str(self.program))

    def has(self, kind: str, *items: JsonValue) -> None:
        """
        Lay out what ``get`` answers.
        """
        self.says(f"get-{kind}", json.dumps({"items": items}))

    def says(self, question: str, answer: str) -> None:
        """
        Lay out the answer to a question's first two words.
        """
        (self._folder / question.replace("/", "_")).write_text(answer)

    def fails(self, question: str, complaint: str) -> None:
        """
        Lay out what is complained about instead.
        """
        file = self._folder / question.replace("/", "_")
        file.with_suffix(".complaint").write_text(complaint)

    @property
    def asked(self) -> list[list[str]]:
        """
        Every call's arguments.
        """
        file = self._folder / "asked"
        lines = file.read_text().splitlines() if file.is_file() else []
        return [_ASKED.validate_json(line) for line in lines]

    def asked_for(self, verb: str) -> list[list[str]]:
        """
        The calls that ask for one thing, without where.
        """
        where = ("--context=", "--namespace=")
        plain = [[word for word in call if not word.startswith(where)] for call in self.asked]
        return [call for call in plain if call[0] == verb]


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    folder = tmp_path / "bin"
    folder.mkdir()
    return Cluster(folder)


@pytest.fixture
def overlay() -> Callable[[str], Overlay]:
    def build(name: str) -> Overlay:
        text = rendered(name)
        return Overlay(text, shop(text, FOLDER / "overlays" / name))

    return build


def silent(_line: str) -> None:
    """
    Nobody listens.
    """


@pytest.mark.parametrize("context", ["", "prod"])
def test_nothing_is_done_without_a_cluster_of_that_name(
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    context: str,
) -> None:
    """
    The cluster must be named, even where kubectl is set to one; those that there are, are told.
    """
    monkeypatch.setenv("PATH", str(cluster.program.parent))

    code = main(["--context", context])

    assert code == 1
    assert "CONTEXT=..., one of kind-shop, somebody-elses" in capsys.readouterr().err
    assert {call[0] for call in cluster.asked} == {"config"}


def test_a_configuration_that_cannot_be_read_is_told(cluster: Cluster) -> None:
    """
    It is told in kubectl's own words, and not that there is no cluster.
    """
    cluster.program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('config: no YAML')\n")

    with pytest.raises(DeployProblem, match="config: no YAML"):
        contexts(str(cluster.program))


def test_every_call_goes_to_the_cluster_that_was_named(
    cluster: Cluster, overlay: Callable[[str], Overlay]
) -> None:
    """
    Applying and waiting say the context and the namespace each time.
    """
    local = overlay("local")
    place(local, cluster.kubectl, is_dry=False, tell=silent)
    cluster.has("jobs", *(_job(job.manifest.name, "Complete") for job in local.jobs))

    wait(local, cluster.kubectl, tell=silent)

    assert all(
        call[:2] == ["--context=kind-shop", "--namespace=storefront"] for call in cluster.asked
    )
    assert (cluster.program.parent / "applied").read_text() == local.text
    assert "deployment/api-gateway" in {call[2] for call in cluster.asked_for("rollout")}


def _job(name: str, *conditions: str, failures: int = 0) -> JsonValue:
    held: list[JsonValue] = [{"type": each, "status": "True"} for each in conditions]
    return {"metadata": {"name": name}, "status": {"conditions": held, "failed": failures}}


def test_jobs_of_the_release_that_have_ended_make_room(
    cluster: Cluster, overlay: Callable[[str], Overlay]
) -> None:
    """
    One that is done or has failed would not run again; one that runs is left alone, and so are strangers.
    """
    cluster.has(
        "jobs",
        _job("api-gateway-migrate-0.1.0", "Complete"),
        _job("identity-service-migrate-0.1.0", "Failed"),
        _job("pricing-service-migrate-0.1.0"),
        _job("api-gateway-migrate-0.0.9", "Complete"),
    )

    place(overlay("local"), cluster.kubectl, is_dry=False, tell=silent)

    assert [call[2] for call in cluster.asked_for("delete")] == [
        "api-gateway-migrate-0.1.0",
        "identity-service-migrate-0.1.0",
    ]


def test_a_job_that_has_failed_is_not_waited_for(
    cluster: Cluster, overlay: Callable[[str], Overlay]
) -> None:
    """
    It is named at once with the end of its log, whatever the others do.
    """
    cluster.has(
        "jobs",
        _job("identity-service-migrate-0.1.0"),
        _job("api-gateway-migrate-0.0.9", "Failed"),
        _job("api-gateway-migrate-0.1.0", "Failed"),
    )
    cluster.says("logs-job/api-gateway-migrate-0.1.0", "no such role")

    with pytest.raises(
        DeployProblem, match=r"api-gateway-migrate-0\.1\.0 has failed:\nno such role"
    ):
        wait(overlay("local"), cluster.kubectl, tell=silent)

    assert cluster.asked_for("rollout") == []


def test_a_jobs_tries_that_fail_are_told_once(
    cluster: Cluster, overlay: Callable[[str], Overlay]
) -> None:
    """
    It is tried again for many minutes: what each try said is told before, and who took too long is named.
    """
    cluster.has("jobs", _job("api-gateway-migrate-0.1.0", failures=1))
    cluster.says("logs-job/api-gateway-migrate-0.1.0", "no such role")
    told: list[str] = []
    impatient = jobs.Patience(whole_s=1, look_every_s=0.01)

    with pytest.raises(
        DeployProblem, match=r"took more than 1 s: api-gateway-migrate-0\.1\.0, iden"
    ):
        wait(overlay("local"), cluster.kubectl, tell=told.append, patience=impatient)

    assert told == ["job/api-gateway-migrate-0.1.0 is tried again after failure 1:\nno such role"]


def test_a_failure_without_a_log_is_told(cluster: Cluster) -> None:
    """
    Kubernetes takes the pods of a Job that took too long: that it failed is what counts.
    """
    cluster.has("jobs", _job("migrate", "Failed"))
    cluster.fails("logs-job/migrate", "pods not found")

    with pytest.raises(
        DeployProblem, match="migrate has failed:\nits log cannot be read: pods not"
    ):
        jobs.wait(["migrate"], cluster.kubectl, jobs.Patience(), tell=silent)


def test_a_dry_run_changes_nothing(cluster: Cluster, overlay: Callable[[str], Overlay]) -> None:
    """
    The API server is asked, ended Jobs stay, and nothing is applied in earnest.
    """
    cluster.has("jobs", _job("api-gateway-migrate-0.1.0", "Complete"))

    place(overlay("local"), cluster.kubectl, is_dry=True, tell=silent)

    assert cluster.asked_for("delete") == []
    assert ["--dry-run=server" in call for call in cluster.asked_for("apply")] == [True]


def test_secrets_that_are_missing_are_named_before_anything_is_applied(
    cluster: Cluster, overlay: Callable[[str], Overlay]
) -> None:
    """
    Production expects them to be there: each one that is not, or lacks a key, is told.
    """
    cluster.has(
        "secrets",
        {"metadata": {"name": "api-gateway-secrets"}, "data": {"database_url": "eA=="}},
        {"metadata": {"name": "inventory-service-secrets"}, "data": {"database_url": "eA=="}},
    )

    with pytest.raises(DeployProblem) as caught:
        place(overlay("production"), cluster.kubectl, is_dry=False, tell=silent)

    assert "api-gateway-secrets with service_client_secret;" in str(caught.value)
    assert "storefront-tls with tls.crt, tls.key" in str(caught.value)
    assert "inventory-service-secrets" not in str(caught.value)
    assert cluster.asked_for("apply") == []


def test_the_examples_of_production_go_nowhere(overlay: Callable[[str], Overlay]) -> None:
    """
    As it stands in the repository it is an example, and says what to put in.
    """
    overlay("production")

    with pytest.raises(DeployProblem, match=r"examples 192\.0\.2\., example\.com: put your own"):
        prepare(FOLDER / "overlays" / "production", silent)


def test_what_does_not_hold_goes_nowhere(overlay: Callable[[str], Overlay], tmp_path: Path) -> None:
    """
    The check stands before the cluster, and names what is wrong.
    """
    overlay("production")
    copy = tmp_path / "k8s"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("secrets"))
    settings = copy / "base" / "api-gateway" / "settings.env"
    settings.write_text(settings.read_text() + "DRAIN_TIMEOUT=5\n")

    with pytest.raises(DeployProblem, match="DRAIN_TIMEOUT is no setting of api-gateway"):
        prepare(copy / "overlays" / "production", silent)


def test_secrets_are_made_once_for_their_owner_only(tmp_path: Path) -> None:
    """
    Random, in files that nobody else reads, in step with each other, and kept: a database knows its password for good.
    """
    folder = tmp_path / "secrets"

    made = make_missing(folder)
    first = {name: (folder / name).read_text() for name in FILES}
    (folder / "redis" / "redis_password").unlink()
    made_again = make_missing(folder)

    assert set(made) == set(FILES)
    assert made_again == ["redis/redis_password"]
    assert all(
        (folder / name).read_text() == text
        for name, text in first.items()
        if name not in made_again
    )
    assert {(folder / name).stat().st_mode & 0o777 for name in FILES} == {0o600}
    assert {each.stat().st_mode & 0o777 for each in (folder, folder / "postgres")} == {0o700}
    password = first["postgres/gateway_service_password"]
    assert first["api-gateway/database_url"] == (
        f"postgresql://gateway_service:{password}@postgres:5432/gateway_service"
    )
    clients = json.loads(first["identity-seed/seed_clients"])
    assert clients["api-gateway"] == first["api-gateway/service_client_secret"]
