"""The forms that a hand-over is written in, for whoever lets a person choose one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.handover.commands import command
from engine.handover.deployment import Deployment
from engine.handover.files import compose, kubernetes, ray


@dataclass(frozen=True, slots=True)
class Form:
    """``write`` returns the text, and ``file_name`` is what it is usually saved as."""

    id: str
    title: str
    file_name: str
    write: Callable[[Deployment], str]
    one_node: bool = False

    def why_not(self, nodes: int) -> str:
        """Say why it does not do for so many computers; empty if it does."""
        return f"{self.title} is for one computer. For several, take the command or Ray." if self._short(nodes) else ""

    def _short(self, nodes: int) -> bool:
        return self.one_node and nodes > 1


FORMS = (
    Form("command", "Command", "serve.sh", command),
    Form("compose", "Compose file", "compose.yaml", compose, one_node=True),
    Form("kubernetes", "Kubernetes", "vllm.yaml", kubernetes, one_node=True),
    Form("ray", "Ray Serve", "ray-serve.yaml", ray),
)
