"""``AutoTokenizer``: a folder's ``tokenizer.json`` with the special tokens that its class adds to it.

The converter tells pre-tokenizers apart by the tokens of one test text, so each class's rules for special tokens count.
Source: transformers 4.57.6, ``PreTrainedTokenizerBase._from_pretrained``, ``PreTrainedTokenizerFast.__init__`` and the
``tokenization_*_fast.py`` of the classes named here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, normalizers, pre_tokenizers, processors

from engine.convert.standin.lacking import Lacking, attribute_of

from .config import table

SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a tokenizer class assumes: its special tokens, and whether it writes BOS and EOS by itself.

    ``adds_bos`` is the default of ``add_bos_token``; ``None``: the class leaves that to ``tokenizer.json``.
    """

    bos: str | None = None
    eos: str | None = None
    unk: str | None = None
    pad: str | None = None
    sep: str | None = None
    cls: str | None = None
    mask: str | None = None
    adds_bos: bool | None = None

    def special_tokens(self) -> dict[str, Any]:
        named = {"bos_token": self.bos, "eos_token": self.eos, "unk_token": self.unk, "pad_token": self.pad}
        named |= {"sep_token": self.sep, "cls_token": self.cls, "mask_token": self.mask}
        return {name: token for name, token in named.items() if token is not None}


_END = "<|endoftext|>"
_BERT = Rule(unk="[UNK]", pad="[PAD]", sep="[SEP]", cls="[CLS]", mask="[MASK]")
RULES: dict[str, Rule] = {
    "PreTrainedTokenizer": Rule(),
    "TokenizersBackend": Rule(),  # what transformers 5 writes
    "LlamaTokenizer": Rule("<s>", "</s>", "<unk>", adds_bos=True),
    "GemmaTokenizer": Rule("<bos>", "<eos>", "<unk>", "<pad>", adds_bos=True),
    "GPT2Tokenizer": Rule(_END, _END, _END),
    "CodeGenTokenizer": Rule(_END, _END, _END),
    "Qwen2Tokenizer": Rule(None, _END, _END, _END),
    "GPTNeoXTokenizer": Rule(_END, _END, _END, adds_bos=False),
    "BertTokenizer": _BERT,
    "DistilBertTokenizer": _BERT,
    "XLMRobertaTokenizer": Rule("<s>", "</s>", "<unk>", "<pad>", sep="</s>", cls="<s>", mask="<mask>"),
}


class Tokenizer:
    """A tokenizer as the converter uses it."""

    is_fast = True

    def __init__(self, backend: tokenizers.Tokenizer, special_tokens: dict[str, Any], settings: dict[str, Any]) -> None:
        self.backend = backend
        self._special_tokens = special_tokens
        self.clean_up_tokenization_spaces = bool(settings.get("clean_up_tokenization_spaces"))
        self.add_prefix_space = bool(settings.get("add_prefix_space"))

    def __getattr__(self, name: str) -> Any:
        return attribute_of("a tokenizer")(name)

    @property
    def vocab(self) -> dict[str, int]:
        return self.backend.get_vocab(with_added_tokens=True)

    def get_vocab(self) -> dict[str, int]:
        return self.vocab

    @property
    def vocab_size(self) -> int:
        return self.backend.get_vocab_size(with_added_tokens=False)

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        return self.backend.get_added_tokens_decoder()

    def get_added_vocab(self) -> dict[str, int]:
        return {token.content: number for number, token in sorted(self.added_tokens_decoder.items())}

    @property
    def all_special_tokens(self) -> list[str]:
        return list(dict.fromkeys(map(str, _listed(self._special_tokens))))

    @property
    def all_special_ids(self) -> list[int]:
        numbers = map(self.backend.token_to_id, self.all_special_tokens)
        return [number for number in numbers if number is not None]

    def _convert_id_to_token(self, number: int) -> str | None:
        return self.backend.id_to_token(number)

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        return self.backend.encode(text, add_special_tokens=add_special_tokens).ids

    def decode(self, numbers: list[int]) -> str:
        text = self.backend.decode(numbers, skip_special_tokens=False)
        return _cleaned(text) if self.clean_up_tokenization_spaces else text


class AutoTokenizer:
    """The class that the converter asks for a tokenizer."""

    @staticmethod
    def from_pretrained(folder: Path | str, **options: Any) -> Tokenizer:
        """Read a folder's tokenizer. Raises :class:`Lacking` for a class with rules that are not known here."""
        del options  # trust_remote_code and the like: nothing here ever runs code of the folder
        return load(Path(folder))


def load(folder: Path) -> Tokenizer:
    """Read a tokenizer as its class in transformers would."""
    settings = _read(folder / "tokenizer_config.json")
    rule = _rule(folder, settings)
    if not (folder / "tokenizer.json").is_file():
        raise Lacking("a tokenizer without tokenizer.json")
    added = _added_tokens(folder, settings)
    backend = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    backend.no_truncation()
    backend.no_padding()
    special_tokens = _special_tokens(rule, settings, added)
    _add_missing(backend, added, special_tokens)
    _set_prefix_space(backend, bool(settings.get("add_prefix_space")))
    if rule.adds_bos is not None:
        _set_template(backend, special_tokens, settings.get("add_bos_token", rule.adds_bos), settings)
    if rule is _BERT:
        _set_bert_normalizer(backend, settings)
    return Tokenizer(backend, special_tokens, settings)


def _rule(folder: Path, settings: dict[str, Any]) -> Rule:
    config = _read(folder / "config.json")
    family = config.get("model_type", "")
    name = settings.get("tokenizer_class") or config.get("tokenizer_class") or table().get(family, {}).get("tokenizer")
    if name is None and family in table():
        name = "PreTrainedTokenizer"
    rule = RULES.get(str(name).removesuffix("Fast"))
    if rule is None:
        raise Lacking(f"the tokenizer class {name}")
    return rule


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def _added_tokens(folder: Path, settings: dict[str, Any]) -> dict[int, AddedToken]:
    """Return the added tokens by number; of folders before transformers 4.34, from their separate files."""
    if "added_tokens_decoder" in settings:
        return {int(number): _token(token) for number, token in settings["added_tokens_decoder"].items()}
    for name, token in _read(folder / "special_tokens_map.json").items():
        if name == "additional_special_tokens":
            settings[name] = [*(settings.get(name) or []), *token]
        else:
            settings[name] = {**token, "special": True} if isinstance(token, dict) else token
    special = set(map(str, map(_token, _listed(settings))))
    added = {
        number: AddedToken(text, normalized=text not in special, special=text in special)
        for text, number in _read(folder / "added_tokens.json").items()
    }
    for token in _read(folder / "tokenizer.json").get("added_tokens", []):
        added[token["id"]] = _token({name: value for name, value in token.items() if name != "id"})
    return added


def _token(token: Any) -> Any:
    """Return a token that was written as a table; one that was written as text stays text."""
    if isinstance(token, dict):
        return AddedToken(**{name: value for name, value in token.items() if name != "__type"})
    return token


def _listed(special_tokens: dict[str, Any]) -> list[Any]:
    single = [special_tokens[name] for name in SPECIAL_TOKENS if special_tokens.get(name)]
    return single + list(special_tokens.get("additional_special_tokens") or [])


def _special_tokens(rule: Rule, settings: dict[str, Any], added: dict[int, AddedToken]) -> dict[str, Any]:
    by_text = {str(token.content): token for token in added.values()}
    tokens = rule.special_tokens()
    tokens.update((name, settings[name]) for name in SPECIAL_TOKENS if name in settings)
    found: dict[str, Any] = {}
    for name, token in tokens.items():
        given = _token(token)
        found[name] = by_text.get(_text(given), given)
    further = [_token(token) for token in settings.get("additional_special_tokens") or []]
    return {**found, "additional_special_tokens": further}


def _text(token: Any) -> str:
    return token.content if isinstance(token, AddedToken) else str(token)


def _add_missing(backend: tokenizers.Tokenizer, added: dict[int, AddedToken], special: dict[str, Any]) -> None:
    """Add the tokens that only the settings know, in the order of their numbers, then the special ones."""
    present = {repr(token) for token in backend.get_added_tokens_decoder().values()}
    missing: list[Any] = [token for _, token in sorted(added.items()) if repr(token) not in present]
    known = {token.content for token in backend.get_added_tokens_decoder().values()} | set(map(_text, missing))
    missing += [token for token in _listed(special) if _text(token) not in known]
    special_texts = set(map(_text, _listed(special)))
    tokens = []
    for token in missing:
        is_special = _text(token) in special_texts or (isinstance(token, AddedToken) and token.special)
        new = token if isinstance(token, AddedToken) else AddedToken(token)
        new.special = is_special
        tokens.append(new)
    if tokens:
        backend.add_tokens(tokens)


def _set_prefix_space(backend: tokenizers.Tokenizer, prefix_space: bool) -> None:
    """Make a byte-level pre-tokenizer begin with a space or not, as the settings say and not as the file does."""
    step = backend.pre_tokenizer
    if isinstance(step, pre_tokenizers.ByteLevel) and step.add_prefix_space != prefix_space:
        step.add_prefix_space = prefix_space
        backend.pre_tokenizer = step


def _set_bert_normalizer(backend: tokenizers.Tokenizer, settings: dict[str, Any]) -> None:
    """Lower the letters and part Chinese ones as the settings say and not as the file does."""
    if isinstance(backend.normalizer, normalizers.BertNormalizer):
        backend.normalizer = normalizers.BertNormalizer(
            clean_text=backend.normalizer.clean_text,
            handle_chinese_chars=bool(settings.get("tokenize_chinese_chars", True)),
            strip_accents=settings.get("strip_accents"),
            lowercase=bool(settings.get("do_lower_case", True)),
        )


def _set_template(
    backend: tokenizers.Tokenizer, special: dict[str, Any], adds_bos: bool, settings: dict[str, Any]
) -> None:
    """Write BOS before and EOS after the text, as the class does whatever ``tokenizer.json`` says."""
    before = [_text(special["bos_token"])] if adds_bos else []
    after = [_text(special["eos_token"])] if settings.get("add_eos_token", False) else []
    single = [*(f"{token}:0" for token in before), "$A:0", *(f"{token}:0" for token in after)]
    pair = [*single, *(f"{token}:1" for token in before), "$B:1", *(f"{token}:1" for token in after)]
    numbers = [(token, backend.token_to_id(token)) for token in dict.fromkeys(before + after)]
    backend.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=numbers)


def _cleaned(text: str) -> str:
    """Take spaces out before punctuation: ``PreTrainedTokenizerBase.clean_up_tokenization``."""
    for before, after in (
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ):
        text = text.replace(before, after)
    return text
