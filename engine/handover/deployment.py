"""One way to serve a model: everything that the commands and files are written from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.errors import NotEnoughMemory, Refused
from engine.formats import ModelFacts
from engine.handover.estimate import Room, Speed, room, speed
from engine.handover.parsers import NO_PARSERS, Parsers, parsers_for
from engine.handover.site import Site
from engine.handover.splitting import split
from engine.handover.support import Method, dtype_for, method_of

SHORTEST = 256


@dataclass(frozen=True, slots=True)
class Deployment:
    """``model`` is a folder or a repository of the Hub; ``served_as`` the name that clients ask for.

    ``users`` are answered at the same time, with ``context_tokens`` each; ``fitting_users`` conversations of full
    length fit in the cache.
    """

    model: str
    served_as: str
    site: Site
    method: Method
    dtype: str
    tensor: int
    pipeline: int
    context_tokens: int
    users: int
    fitting_users: int
    room: Room
    speed: Speed | None
    parsers: Parsers = NO_PARSERS

    @property
    def quantization(self) -> str:
        return self.method.flag


def plan(
    facts: ModelFacts, site: Site, *, model: str, served_as: str, users: int, context_tokens: int | None = None
) -> Deployment:
    """Return how a model is served to so many users at once.

    Without ``context_tokens`` it is the longest that all of them can have, up to what the model was made for. Raises
    :class:`UnsupportedModel`, :class:`NotEnoughMemory` and :class:`Refused`.
    """
    method = method_of(facts)
    tensor, pipeline = split(facts, site.gpus, site.nodes, tensors=method.splits)
    here = room(facts, site, tensor, pipeline)
    longest = min(here.context_tokens(users), facts.trained_context)
    if context_tokens is None and longest < SHORTEST:
        raise Refused(
            f"{users} conversations at once do not fit: {here.users(SHORTEST)} of {SHORTEST} tokens do.",
            "Name fewer users or more cards.",
        )
    context = min(context_tokens or longest, facts.trained_context)
    if here.users(context) < 1:
        needed = site.budget_bytes - here.pool_bytes + here.sequence_bytes + here.token_bytes * context
        raise NotEnoughMemory(
            needed, site.budget_bytes, here.context_tokens(1), f"each card's memory ({site.gpu_name})"
        )
    return Deployment(
        model,
        served_as,
        site,
        method,
        dtype_for(method, site.capability),
        tensor,
        pipeline,
        context,
        users,
        here.users(context),
        here,
        speed(facts, site, tensor, pipeline, min(users, here.users(context))),
        parsers_for(facts.architecture, Path(model)),
    )
