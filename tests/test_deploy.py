"""The examples of running it on several machines say only what there is. No container is started here."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from holdfast._settings import SETTINGS
from holdfast.cli.app import run
from holdfast.server.app import create_app
from holdfast.server.config import ServerConfig

_ROOT = Path(__file__).parents[1]
_PORT = SETTINGS["port"].default
_VARIABLES = {setting.env for setting in SETTINGS.values()}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((_ROOT / "docker-compose.yml").read_text())
    return found


@pytest.fixture(scope="module")
def kubernetes() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((_ROOT / "deploy" / "kubernetes.yaml").read_text()))


def _image() -> dict[str, list[str]]:
    """The instructions of the Dockerfile by their names, lines joined."""
    text = (_ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            found.setdefault(word, []).append(rest.strip())
    return found


def _is_known(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the command line knows this command with these options."""
    monkeypatch.setattr(sys, "argv", ["holdfast", *arguments, "--help"])
    return run() == 0


def _paths() -> set[str]:
    return {route.path for route in create_app(ServerConfig(data=Path("unused"))).routes}


def _workloads(kubernetes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in kubernetes if one["kind"] in ("Deployment", "Job")]


def _containers(kubernetes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in _workloads(kubernetes):
        yield from one["spec"]["template"]["spec"]["containers"]


def test_settings_exist(compose: dict[str, Any], kubernetes: list[dict[str, Any]]) -> None:
    """Every variable that is set for Holdfast is that of a setting."""
    ours = [service for service in compose["services"].values() if service["image"] == "holdfast"]
    named = {name for service in ours for name in service["environment"]}
    named |= {variable["name"] for container in _containers(kubernetes) for variable in container["env"]}
    named |= set(re.findall(r"\bHOLDFAST_\w+", " ".join(_image()["ENV"])))
    assert named
    assert named <= _VARIABLES


def test_commands_exist(
    compose: dict[str, Any], kubernetes: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands that containers run, and those that the comments advise, are commands of ours."""
    commands = [json.loads(_image()["CMD"][0]), compose["services"]["upgrade"]["command"]]
    commands += [container["args"] for container in _containers(kubernetes)]
    for file in ("docker-compose.yml", "deploy/kubernetes.yaml"):
        comments = re.findall(
            r"^#.* holdfast (?:-- )?holdfast (.*)$", (_ROOT / file).read_text(), re.MULTILINE
        )
        commands += [shlex.split(comment) for comment in comments]
    assert json.loads(_image()["ENTRYPOINT"][0]) == ["holdfast"]
    assert len(commands) >= 5
    for command in commands:
        assert _is_known(command, monkeypatch), command
    assert not _is_known(["serve", "--no-such-option"], monkeypatch)


def test_what_is_installed_exists() -> None:
    """The image takes extras that the package has, and copies only what lies in the build's context."""
    image = _image()
    (install,) = re.findall(r"\.\[([\w,]+)\]", " ".join(image["RUN"]))
    extras = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(install.split(",")) <= extras.keys()
    copied = [name for line in image["COPY"] if "--from" not in line for name in line.split()[:-1]]
    context = {
        line[1:] for line in (_ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert set(copied) == context
    assert all((_ROOT / name).exists() for name in copied)


def test_nobody_is_root(kubernetes: list[dict[str, Any]]) -> None:
    """Containers run as one user of their own, with a file system that cannot be written but where they must."""
    (user,) = _image()["USER"]
    for one in _workloads(kubernetes):
        pod = one["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsUser"] == int(user) != 0
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"]
            mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            assert set(mounts.values()) == volumes
            assert mounts.keys() == {"/tmp", *_image()["VOLUME"]}


def test_ports_and_probes(compose: dict[str, Any], kubernetes: list[dict[str, Any]]) -> None:
    """Everything that asks a server asks its port, for paths that it has."""
    proxy = (_ROOT / "deploy" / "nginx.conf").read_text()
    assert _image()["EXPOSE"] == [str(_PORT)]
    assert f"server holdfast:{_PORT} " in proxy
    assert f"listen {_PORT};" in proxy
    assert compose["services"]["balancer"]["ports"] == [f"127.0.0.1:{_PORT}:{_PORT}"]
    deployment = next(one for one in kubernetes if one["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": _PORT}]
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    asked = [probe["path"] for probe in probes]
    asked += re.findall(rf"127\.0\.0\.1:{_PORT}(/[\w/]+)", _image()["HEALTHCHECK"][0])
    assert len(asked) == 4
    assert set(asked) <= _paths()
    assert {probe["port"] for probe in probes} == {"http"}


def test_parts_refer_to_each_other(compose: dict[str, Any], kubernetes: list[dict[str, Any]]) -> None:
    """Services wait for services that say when they are well; selectors select the servers and only them."""
    services = compose["services"]
    for service in services.values():
        for name, wanted in service.get("depends_on", {}).items():
            healthy = "healthcheck" in services[name] or services[name]["image"] == "holdfast"
            assert healthy or wanted["condition"] != "service_healthy"
    hosts = re.findall(r"@([\w-]+)[:/]", " ".join(services["holdfast"]["environment"].values()))
    assert set(hosts) == {"postgres", "clickhouse"} <= services.keys()
    mounted = [mount.split(":")[0] for service in services.values() for mount in service.get("volumes", ())]
    assert all(name in compose["volumes"] or (_ROOT / name).exists() for name in mounted)
    kinds = {one["kind"]: one for one in kubernetes}
    labels = kinds["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    assert kinds["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels
    assert kinds["Service"]["spec"]["selector"].items() <= labels
    assert kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"].items() <= labels
    assert not kinds["Service"]["spec"]["selector"].items() <= kinds["Job"]["metadata"]["labels"].items()
    assert kinds["Deployment"]["spec"]["replicas"] >= 2
    keys = {
        (variable["valueFrom"]["secretKeyRef"]["name"], variable["valueFrom"]["secretKeyRef"]["key"])
        for container in _containers(kubernetes)
        for variable in container["env"]
        if "valueFrom" in variable
    }
    comment = (_ROOT / "deploy" / "kubernetes.yaml").read_text()
    assert keys == {("holdfast", key) for key in re.findall(r"--from-literal=(\w+)=", comment)}
