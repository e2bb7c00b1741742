"""The store: complete or absent, verified, shared."""

from __future__ import annotations

import json
import os
import string
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmine.errors import ArtifactError
from diffmine.files.atomic import json_digest, shard_is_done, write_shard
from diffmine.store.artifacts import WORKSPACE, Store
from diffmine.store.cleaning import damaged, unreferenced


def make(store: Store, key: str, files: dict[str, bytes]) -> str:
    draft = store.draft("stage", key)
    for name, data in files.items():
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        (draft / name).write_bytes(data)
    return store.commit("stage", key, {}).digest


def test_an_artifact_is_absent_until_committed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (store.draft("stage", "k") / "a").write_bytes(b"1")
    assert store.find("stage", "k") is None
    store.commit("stage", "k", {"seconds": 1.0})
    found = store.find("stage", "k")
    assert found is not None
    assert found.facts == {"seconds": 1.0}


def test_the_digest_tells_content_and_nothing_else(tmp_path: Path) -> None:
    store = Store(tmp_path)
    same = make(store, "k1", {"a": b"1", "b/c": b"2"})
    assert make(store, "k2", {"b/c": b"2", "a": b"1"}) == same
    assert make(store, "k3", {"a": b"1", "b/d": b"2"}) != same
    assert make(store, "k4", {"a": b"1", "b/c": b"3"}) != same


def test_workspace_and_shard_digests_are_left_out(tmp_path: Path) -> None:
    store = Store(tmp_path)
    draft = store.draft("stage", "k")
    (draft / WORKSPACE).mkdir()
    (draft / WORKSPACE / "checkpoint").write_bytes(b"x")
    write_shard(draft / "shards" / "0", b"data")
    artifact = store.commit("stage", "k", {})
    assert set(artifact.manifest["files"]) == {"shards/0"}
    assert sorted(p.name for p in artifact.path.rglob("*")) == ["0", "manifest.json", "shards"]


def test_a_peek_reads_the_manifest_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    digest = make(store, "k", {"a": b"1"})
    (tmp_path / "stage" / "k" / "a").unlink()
    found = store.peek("stage", "k")
    assert found is not None
    assert found.digest == digest
    assert store.peek("stage", "other") is None
    for content in ("", "[]", found.path.joinpath("manifest.json").read_text().replace(digest, "0" * len(digest))):
        (tmp_path / "stage" / "k" / "manifest.json").write_text(content)
        assert store.peek("stage", "k") is None, content


@pytest.mark.parametrize("harm", ["change", "truncate", "remove", "manifest"])
def test_damage_is_found(tmp_path: Path, harm: str) -> None:
    store = Store(tmp_path)
    make(store, "k", {"a": b"12345"})
    file = tmp_path / "stage" / "k" / "a"
    match harm:
        case "change":
            file.write_bytes(b"12346")
        case "truncate":
            file.write_bytes(b"123")
        case "remove":
            file.unlink()
        case "manifest":
            (file.parent / "manifest.json").write_text("{")
    with pytest.raises(ArtifactError, match="damaged"):
        store.find("stage", "k")
    store.discard("stage", "k")
    assert store.find("stage", "k") is None


def settle(folder: Path) -> None:
    """Files as if they had been written an hour ago."""
    for path in folder.iterdir():
        os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns - 3600 * 10**9))


def rot(path: Path) -> None:
    """Flip a bit as a failing disk does: the file system knows nothing of it."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_files_that_have_not_changed_are_read_once_and_on_demand(tmp_path: Path) -> None:
    store = Store(tmp_path)
    make(store, "k", {"a": b"12345", "b": b"12345"})
    settle(tmp_path / "stage" / "k")
    assert store.find("stage", "k") is not None
    rot(tmp_path / "stage" / "k" / "a")
    assert store.find("stage", "k") is not None, "trusted, as it has not been written"
    assert list(damaged(store)) == [(tmp_path / "stage" / "k", "a has changed")]
    (tmp_path / "stage" / "k" / "b").write_bytes(b"12346")
    with pytest.raises(ArtifactError, match="b has changed"):
        store.find("stage", "k")


def test_a_file_that_was_written_just_before_it_was_read_is_read_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    make(store, "k", {"a": b"12345"})
    rot(tmp_path / "stage" / "k" / "a")
    with pytest.raises(ArtifactError, match="a has changed"):
        store.find("stage", "k")


@pytest.mark.parametrize("content", ["", "[]", '{"a": 3}', '{"a": [1, 2]}', "\x00"])
def test_a_damaged_stamp_is_none(tmp_path: Path, content: str) -> None:
    store = Store(tmp_path)
    make(store, "k", {"a": b"12345"})
    settle(tmp_path / "stage" / "k")
    assert store.find("stage", "k") is not None
    (tmp_path / "stage" / "k.verified").write_text(content)
    rot(tmp_path / "stage" / "k" / "a")
    with pytest.raises(ArtifactError, match="a has changed"):
        store.find("stage", "k")


def test_a_torn_or_changed_shard_is_not_done(tmp_path: Path) -> None:
    shard = tmp_path / "shard"
    assert not shard_is_done(shard)
    write_shard(shard, b"whole")
    assert shard_is_done(shard)
    shard.write_bytes(b"whol")
    assert not shard_is_done(shard)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(string.ascii_letters, max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=5))
def test_keys_do_not_depend_on_the_order_of_options(options: dict) -> None:
    backwards = dict(reversed(options.items()))
    assert json_digest(options) == json_digest(backwards)


@given(JSON, JSON)
def test_other_options_give_other_keys(one: object, other: object) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (json_digest(one) == json_digest(other)) == same


def test_the_lock_of_a_killed_owner_is_free(tmp_path: Path) -> None:
    script = f"""
        import os, signal
        from pathlib import Path
        from diffmine.store.artifacts import Store
        with Store(Path({str(tmp_path)!r})).lock("stage", "k"):
            os.kill(os.getpid(), signal.SIGKILL)
    """
    died = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert died.returncode == -9
    with Store(tmp_path).lock("stage", "k"):
        pass


def test_another_format_is_refused(tmp_path: Path) -> None:
    Store(tmp_path)
    (tmp_path / "format.json").write_text('{"format": 99}')
    with pytest.raises(ArtifactError, match="99"):
        Store(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "7", '{"fromat": 1}', "\x00"])
def test_a_damaged_format_file_is_named(tmp_path: Path, content: str) -> None:
    Store(tmp_path)
    (tmp_path / "format.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"format\.json is damaged \(.*\); delete this one file"):
        Store(tmp_path)
    (tmp_path / "format.json").unlink()
    Store(tmp_path)


def test_a_flipped_bit_anywhere_in_a_manifest_is_noticed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (store.draft("stage", "k") / "a").write_bytes(b"1")
    store.commit("stage", "k", {"seconds": 1.5, "warnings": ["é"], "inputs": {"images": "0" * 64}})
    path = tmp_path / "stage" / "k" / "manifest.json"
    whole = path.read_bytes()
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 7
        path.write_bytes(flipped)
        try:
            found = store.find("stage", "k")
        except ArtifactError as error:
            assert "damaged" in str(error)  # noqa: PT017
        else:
            assert found is not None
            assert json.loads(flipped) == json.loads(whole), "what was not noticed changes nothing"


def test_a_manifest_without_a_seal_is_of_an_older_version(tmp_path: Path) -> None:
    store = Store(tmp_path)
    make(store, "k", {"a": b"1"})
    path = tmp_path / "stage" / "k" / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["seal"]
    path.write_text(json.dumps(manifest))
    assert store.find("stage", "k") is not None
    path.write_text(json.dumps({**manifest, "saal": ""}))
    with pytest.raises(ArtifactError, match=r"manifest\.json has changed"):
        store.find("stage", "k")


@pytest.mark.parametrize(
    "manifest", ["[]", "null", '{"files": []}', '{"format": 1, "digest": "", "files": {"a": 1}, "facts": {}}']
)
def test_a_manifest_of_another_shape_is_damage(tmp_path: Path, manifest: str) -> None:
    store = Store(tmp_path)
    make(store, "k", {"a": b"1"})
    (tmp_path / "stage" / "k" / "manifest.json").write_text(manifest)
    with pytest.raises(ArtifactError, match="damaged"):
        store.find("stage", "k")


@pytest.mark.parametrize("harmed", ["run", "note"])
def test_nothing_is_unreferenced_while_a_run_cannot_be_read(tmp_path: Path, harmed: str) -> None:
    store = Store(tmp_path / "store")
    make(store, "kept", {"a": b"1"})
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("[]" if harmed == "run" else "{}")
    store.remember_run(tmp_path / "run")
    if harmed == "note":
        (note,) = (store.root / "runs").glob("*.json")
        note.write_text("[]")
    with pytest.raises(ArtifactError, match=r"is damaged .*so it is not known"):
        unreferenced(store)


def test_only_what_no_run_names_is_unreferenced(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    make(store, "kept", {"a": b"1"})
    make(store, "loose", {"a": b"12"})
    run = tmp_path / "run"
    run.mkdir()
    info = {"store": str(store.root.resolve()), "stages": {"stage": {"key": "kept"}}}
    (run / "run.json").write_text(json.dumps(info))
    store.remember_run(run)
    assert [path.name for path, _ in unreferenced(store)] == ["loose"]
    with store.lock("stage", "loose"):
        assert unreferenced(store) == []
    (run / "run.json").unlink()
    assert {path.name for path, _ in unreferenced(store)} == {"kept", "loose"}
