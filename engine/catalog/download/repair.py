"""Plans the repair of a model that was fetched: a download of the same commit fetches only what is not right."""

from __future__ import annotations

import threading

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.download.plan import DownloadPlan, plan_download
from engine.catalog.find import Asking
from engine.catalog.hub.address import Address
from engine.catalog.hub.client import Hub
from engine.catalog.hub.model import look_up
from engine.catalog.hub.patience import OnWait
from engine.errors import Refused


def repairing(hub: Hub, checkpoint: Checkpoint) -> Asking:
    """Return the job of :func:`plan_repair`: it ends with the plan, which goes into the line of downloads."""
    return Asking(lambda stop, on_wait: plan_repair(hub, checkpoint, on_wait, stop))


def plan_repair(
    hub: Hub, checkpoint: Checkpoint, on_wait: OnWait | None = None, stop: threading.Event | None = None
) -> DownloadPlan:
    """Return the plan that a model came from, by its record. Raises :class:`Refused` for one that was not fetched."""
    source, files = checkpoint.record.get("source"), checkpoint.record.get("files")
    if not isinstance(source, dict) or not isinstance(files, dict) or not {"repository", "commit"} <= source.keys():
        hint = "Get it again from where it came from, or delete it."
        raise Refused(f"{checkpoint.name} was not fetched by Halfbyte, so there is nothing to compare it with.", hint)
    model = look_up(hub, Address(str(source["repository"]), str(source["commit"])), stop, on_wait)
    wanted = [file for file in model.files if file.path in files]
    entry = (
        "" if checkpoint.path.is_dir() else next((path for path in files if checkpoint.name.endswith(f"/{path}")), "")
    )
    return plan_download(
        model, wanted, entry=entry, endpoint=hub.endpoint, format_id=checkpoint.record.get("format_id", "")
    )
