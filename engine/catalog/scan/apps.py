"""The apps whose models are found: one row each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from engine.catalog.scan import gpt4all, hugging_face, jan, llama_cpp, lm_studio, ollama
from engine.catalog.scan.found import Found
from engine.catalog.scan.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class App:
    """``places`` names folders that may not be there; ``models`` reads one that is."""

    name: str
    places: Callable[[Surroundings], tuple[PurePath, ...]]
    models: Callable[[Path], Iterator[Found]]


APPS = (
    App("LM Studio", lm_studio.places, lm_studio.models),
    App("Ollama", ollama.places, ollama.models),
    App("Hugging Face cache", hugging_face.places, hugging_face.models),
    App("Jan", jan.places, jan.models),
    App("GPT4All", gpt4all.places, gpt4all.models),
    App("llama.cpp cache", llama_cpp.places, llama_cpp.models),
)
