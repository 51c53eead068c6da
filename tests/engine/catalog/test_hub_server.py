"""The local Hub speaks the protocol: the real client library finds, lists and downloads on it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

from tests.helpers.hub_server import Hub, serving

WEIGHTS = hashlib.sha256(b"weights").digest() * 10_000
FILES = {"config.json": b'{"a": 1}', "sub folder/été.txt": b"hello", "model.safetensors": WEIGHTS}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    with serving(tokens={"hf_good_token"}) as hub:
        yield hub


def test_it_serves_what_the_client_downloads(hub: Hub, tmp_path: Path) -> None:
    commit = hub.publish("acme/tiny", FILES)
    folder = Path(snapshot_download("acme/tiny", endpoint=hub.url, cache_dir=tmp_path, token=False))
    assert folder.name == commit
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == FILES


def test_it_lists_models_and_files_by_pages(hub: Hub) -> None:
    for number in range(5):
        hub.publish(f"acme/model-{number}", FILES, downloads=number, pipeline_tag="text-generation")
    hub.tree_page = 2
    api = HfApi(hub.url, token=False)
    assert [model.id for model in api.list_models(search="model", sort="downloads", limit=4)] == [
        f"acme/model-{number}" for number in (4, 3, 2, 1)
    ]
    info = api.model_info("acme/model-3", files_metadata=True)
    sizes = {file.rfilename: file.size for file in info.siblings or ()}
    assert sizes == {path: len(data) for path, data in FILES.items()}
    listed = {file.path: file for file in api.list_repo_tree("acme/model-3", recursive=True)}
    assert set(listed) == {*FILES, "sub folder"}
    assert listed["model.safetensors"].lfs.sha256 == hashlib.sha256(WEIGHTS).hexdigest()  # type: ignore[union-attr]
    assert len([request for request in hub.log if "/tree/" in request.path]) == 2


def test_it_guards_gated_and_private_models(hub: Hub, tmp_path: Path) -> None:
    hub.publish("acme/gated", FILES, gated="manual")
    hub.publish("acme/private", FILES, private=True)
    hub.accepted.add(("hf_good_token", "acme/gated"))
    api = HfApi(hub.url)
    for token in (False, "hf_good_token"):
        assert api.model_info("acme/gated", token=token).gated == "manual"
        with pytest.raises(RepositoryNotFoundError):
            api.model_info("acme/private", token=token)
    with pytest.raises(RevisionNotFoundError):
        api.model_info("acme/gated", revision="nowhere", token=False)
    with pytest.raises(GatedRepoError):
        hf_hub_download("acme/gated", "config.json", endpoint=hub.url, cache_dir=tmp_path, token=False)
    hf_hub_download("acme/gated", "model.safetensors", endpoint=hub.url, cache_dir=tmp_path, token="hf_good_token")
    assert all(not request.token for request in hub.log if request.stage == "cdn" and "/cdn/" in request.path)
