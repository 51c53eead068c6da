"""The tokenizers of the campaign's models: two of our own tests, one that real BERT models use, and a tiny Unigram."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

from tests.campaigns.tiny_architectures import BYTES, MARKED, SENTENCEPIECE, UNIGRAM, WORDPIECE
from tests.helpers.safetensors_folder import write_json
from tests.helpers.tiny_models import _write_tokenizer

MARKS = ("<|user|>", "<|observation|>", "[gMASK]", "<sop>", "<|assistant|>", "[IMG]", "[IMG_BREAK]", "[IMG_END]")
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


def write_tokenizers(vocabularies: Path, folder: Path) -> None:
    """Write one folder of files each; ``vocabularies`` is llama.cpp's ``models`` folder."""
    for kind in (BYTES, SENTENCEPIECE):
        target = folder / kind
        if not target.is_dir():
            target.mkdir(parents=True)
            _write_tokenizer(kind, target)
    for kind, write in ((MARKED, _write_marked), (WORDPIECE, _write_wordpiece), (UNIGRAM, _write_unigram)):
        target = folder / kind
        if not target.is_dir():
            target.mkdir(parents=True)
            write(vocabularies, target)


def _write_marked(vocabularies: Path, folder: Path) -> None:
    del vocabularies
    _write_tokenizer(BYTES, folder)
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    marks = {49000 + number: {"content": mark, "special": True, **flags} for number, mark in enumerate(MARKS)}
    table = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    table["added_tokens"] += [{"id": number, **mark} for number, mark in marks.items()]
    table["model"]["vocab"].update({mark["content"]: number for number, mark in marks.items()})
    write_json(folder / "tokenizer.json", table)
    settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    settings["added_tokens_decoder"] = {str(number): mark for number, mark in marks.items()}
    write_json(folder / "tokenizer_config.json", settings)


def _write_wordpiece(vocabularies: Path, folder: Path) -> None:
    """Write BERT's vocabulary as its folders have it; GGUF files mark the beginnings of words, and not the rest."""
    from gguf import GGUFReader

    field = GGUFReader(vocabularies / "ggml-vocab-bert-bge.gguf").get_field("tokenizer.ggml.tokens")
    assert field is not None
    stored: list[str] = field.contents()
    tokens = [_wordpiece(token) for token in stored]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", "utf-8")
    special = [token for token in tokens if token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")]
    added = [
        {"id": tokens.index(token), "content": token, "special": True, "normalized": False}
        | dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
        for token in special
    ]
    ends = {name: {"id": name, "ids": [tokens.index(name)], "tokens": [name]} for name in ("[CLS]", "[SEP]")}
    text = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    text += [{"SpecialToken": {"id": "[SEP]", "type_id": 0}}]
    pair = [*text, {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}]
    normalizer = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "lowercase": True}
    model = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##"}
    write_json(
        folder / "tokenizer.json",
        {
            "version": "1.0",
            "added_tokens": added,
            "normalizer": {**normalizer, "strip_accents": None},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "TemplateProcessing", "single": text, "pair": pair, "special_tokens": ends},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {
                **model,
                "max_input_chars_per_word": 100,
                "vocab": {token: number for number, token in enumerate(tokens)},
            },
        },
    )
    names = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]"}
    write_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "mask_token": "[MASK]", **names},
    )


def _wordpiece(token: str) -> str:
    if token.startswith("[") and token.endswith("]"):
        return token
    return token[1:] if token.startswith("▁") else f"##{token}"


def _write_unigram(vocabularies: Path, folder: Path) -> None:
    del vocabularies
    pieces = ["▁", *(chr(code) for code in range(33, 127)), "▁the", "ing", "er", "▁a", "ed", "s▁"]
    vocabulary = [[token, 0.0] for token in ("<s>", "<pad>", "</s>", "<unk>")]
    vocabulary += [[piece, -float(number + 1)] for number, piece in enumerate(dict.fromkeys(pieces))]
    vocabulary.append(["<mask>", 0.0])
    names = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    numbers = [item[0] for item in vocabulary]
    added = [{"id": numbers.index(token), "content": token, "special": True, **flags} for token in names]
    charsmap = base64.b64encode(struct.pack("<I", 0)).decode()
    ends = {name: {"id": name, "ids": [numbers.index(name)], "tokens": [name]} for name in ("<s>", "</s>")}
    first, last = ({"SpecialToken": {"id": name, "type_id": 0}} for name in ("<s>", "</s>"))
    text = [first, {"Sequence": {"id": "A", "type_id": 0}}, last]
    space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    table = {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap},
        "pre_tokenizer": space,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": text,
            "pair": [*text, {"Sequence": {"id": "B", "type_id": 0}}, last],
            "special_tokens": ends,
        },
        "decoder": space,
        "model": {"type": "Unigram", "unk_id": 3, "vocab": vocabulary, "byte_fallback": False},
    }
    write_json(folder / "tokenizer.json", table)
    ends_of_text = {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "XLMRobertaTokenizer", **SPECIAL, **ends_of_text})
