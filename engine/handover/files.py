"""Files for those who serve with containers: a compose file, Kubernetes, and Ray Serve.

Sources: the Compose specification (``deploy.resources.reservations.devices``), vLLM's guides for Docker and Kubernetes,
Ray's guide “Serving LLMs” (``ray.serve.llm:build_openai_app``).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from engine.errors import Refused
from engine.handover.commands import KEY_VARIABLE, PORT, RAY_PORT, engine_options, explanation, serve_arguments
from engine.handover.deployment import Deployment
from engine.handover.support import VLLM_VERSION

IMAGE = f"vllm/vllm-openai:v{VLLM_VERSION}"
RAY_VERSION, RAY_VLLM_VERSION = "2.60.0", "0.29.0"  # ray[llm] requires exactly this vLLM
INSIDE = "/model"  # where a folder lies in a container
LOADING_S = 1800  # how long a server may take until it answers


def compose(way: Deployment) -> str:
    """Return a compose file for one machine. Raises :class:`Refused` for several."""
    _one_node(way, "A compose file")
    cards = {"driver": "nvidia", "count": way.site.gpus, "capabilities": ["gpu"]}
    service: dict[str, Any] = {
        "image": IMAGE,
        **_started(way, "entrypoint", "command", _uninterpolated),
        "environment": {KEY_VARIABLE: f"${{{KEY_VARIABLE}:?Choose a key that clients must send}}"},
        "ports": [f"{PORT}:{PORT}"],
        "ipc": "host",  # cards of one server exchange tensors through shared memory
        "restart": "unless-stopped",
        "deploy": {"resources": {"reservations": {"devices": [cards]}}},
    }
    if _is_folder(way):
        mount = {"type": "bind", "source": _uninterpolated(way.model), "target": INSIDE, "read_only": True}
        service["volumes"] = [mount]
    return _written(way, {"services": {"vllm": service}}, "docker compose up")


def kubernetes(way: Deployment) -> str:
    """Return a deployment and a service for one node. Raises :class:`Refused` for several."""
    _one_node(way, "This Kubernetes file")
    name = _label(way.served_as)
    shared = {"name": "shm", "emptyDir": {"medium": "Memory"}}
    volumes: list[dict[str, Any]] = [shared]
    mounts: list[dict[str, Any]] = [{"name": "shm", "mountPath": "/dev/shm"}]
    if _is_folder(way):
        volumes.append({"name": "model", "hostPath": {"path": way.model, "type": "Directory"}})
        mounts.append({"name": "model", "mountPath": INSIDE, "readOnly": True})
    key = {"name": KEY_VARIABLE, "valueFrom": {"secretKeyRef": {"name": f"{name}-key", "key": "key"}}}
    probe = {"httpGet": {"path": "/health", "port": PORT}, "periodSeconds": 10}
    container = {
        "name": "vllm",
        "image": IMAGE,
        **_started(way, "command", "args", lambda text: text.replace("$(", "$$(")),  # no variable
        "env": [key],
        "ports": [{"containerPort": PORT}],
        "resources": {"limits": {"nvidia.com/gpu": way.site.gpus}},
        "startupProbe": {**probe, "failureThreshold": LOADING_S // 10},
        "livenessProbe": probe,
        "volumeMounts": mounts,
    }
    pod = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], "volumes": volumes}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},  # a second server would wait for the cards of the first
            "selector": {"matchLabels": {"app": name}},
            "template": pod,
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": PORT, "targetPort": PORT}]},
    }
    first = f"kubectl create secret generic {name}-key --from-literal=key=…, then kubectl apply -f this file"
    return _written(way, deployment, first) + "---\n" + _yaml(service)


def ray(way: Deployment) -> str:
    """Return a configuration of Ray Serve, for one node or several."""
    placed: dict[str, Any] = {
        key: value for key, value in engine_options(way).items() if key != "distributed_executor_backend"
    }
    if way.parsers.tools:
        placed |= {"enable_auto_tool_choice": True, "tool_call_parser": way.parsers.tools}
    config = {
        "model_loading_config": {"model_id": way.served_as, "model_source": way.model},
        "engine_kwargs": placed,
        "deployment_config": {"autoscaling_config": {"min_replicas": 1, "max_replicas": 1}},
    }
    application = {
        "name": _label(way.served_as),
        "route_prefix": "/",
        "import_path": "ray.serve.llm:build_openai_app",
        "args": {"llm_configs": [config]},
    }
    installed = " ".join(filter(None, ["'ray[serve,llm]'", way.method.plugin]))
    first = (
        f"ray start --head --port={RAY_PORT}; on other nodes: ray start --address=FIRST_NODE:{RAY_PORT}; "
        f"then serve deploy this file (pip install {installed}, which brings the vLLM that it needs: "
        f"Ray {RAY_VERSION} has {RAY_VLLM_VERSION})"
    )
    open_to_all = f"# It asks for no key: let only those reach port {PORT} who may.\n"
    return open_to_all + _written(way, {"applications": [application]}, first)


def _started(way: Deployment, program: str, arguments: str, literal: Callable[[str], str]) -> dict[str, Any]:
    """Return what a container starts, under a file's words for it: vLLM, after a plugin where it needs one."""
    given = serve_arguments(way, _model_inside(way))
    if not way.method.plugin:
        return {arguments: [literal(part) for part in given]}
    script = f"pip install {way.method.plugin} && exec vllm serve {shlex.join(given)}"
    return {program: ["bash", "-c"], arguments: [literal(script)]}


def _one_node(way: Deployment, what: str) -> None:
    if way.site.nodes > 1:
        raise Refused(f"{what} is for one machine.", "For several, use --print ray or --print command.")


def _is_folder(way: Deployment) -> bool:
    return Path(way.model).is_absolute()


def _model_inside(way: Deployment) -> str:
    return INSIDE if _is_folder(way) else way.model


def _uninterpolated(text: str) -> str:
    """Return a text that Compose takes as it is (Compose specification, “Interpolation”)."""
    return text.replace("$", "$$")


def _label(name: str) -> str:
    """Return a name as Kubernetes wants labels (RFC 1123): lower-case letters, digits and dashes, 63 at most."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50].strip("-")
    return f"vllm-{plain}" if plain else "vllm"


def _written(way: Deployment, value: Any, use: str) -> str:
    head = [f"vLLM {VLLM_VERSION}. Use: {use}", *explanation(way)]
    return "".join(f"# {line}\n" for line in head) + _yaml(value)


class _Plain(yaml.SafeDumper):
    """Writes what is there twice out twice, for people to read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _yaml(value: Any) -> str:
    return yaml.dump(value, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=1000)
