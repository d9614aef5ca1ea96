"""Data sets: reading, checking and refusing."""

import gzip
import hashlib
import http.server
import struct
import threading
from pathlib import Path

import numpy as np
import pytest

from cosim.errors import DataError
from cosim.network import datasets, downloads


def idx(shape, data):
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(data)


def test_idx_reads_shape_and_bytes():
    array = datasets.read_idx(idx((2, 3), range(6)))
    np.testing.assert_array_equal(array, [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x00\x00\x08", b"\x00\x00\x0d\x01", idx((2, 3), range(5)), idx((2,), range(3))],
)
def test_idx_refuses_what_it_cannot_trust(raw):
    with pytest.raises(DataError):
        datasets.read_idx(raw)


def test_missing_folder_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("COSIM_DATA", str(tmp_path))
    monkeypatch.setattr(downloads, "cache", lambda: tmp_path / "cache")
    with pytest.raises(DataError, match=r"train-images.*COSIM_DATA.*download"):
        datasets.mnist()
    with pytest.raises(DataError, match="war_and_peace"):
        datasets.war_and_peace(tmp_path)


@pytest.mark.parametrize("name", ["war_and_peace.txt", "warpeace_input.txt"])
def test_a_text_is_known_by_both_names_and_named_where_it_is_wrong(tmp_path, monkeypatch, name):
    (tmp_path / name).write_text("a b\r\nc")
    with pytest.raises(DataError, match=f"{name} is not the published data"):
        datasets.war_and_peace(tmp_path)
    monkeypatch.setattr(datasets, "_TEXT_DIGEST", hashlib.sha256(b"a b\nc").hexdigest())
    assert len(datasets.war_and_peace(tmp_path).tokens) == 5


def test_changed_file_is_refused(tmp_path):
    (tmp_path / "mnist").mkdir()
    path = tmp_path / "mnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx((1, 28, 28), bytes(784))))
    with pytest.raises(DataError, match="SHA-256"):
        datasets.mnist(tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="damaged"):
        datasets.mnist(tmp_path)


def test_download_is_checked_and_kept_once(tmp_path, monkeypatch):
    """A file:// mirror stands for the network: wrong bytes never reach the cache."""
    mirror, cache = tmp_path / "mirror", tmp_path / "cache"
    mirror.mkdir()
    content = idx((2,), [3, 4])
    monkeypatch.delenv("COSIM_DATA", raising=False)
    monkeypatch.setattr(downloads, "cache", lambda: cache)
    digest = hashlib.sha256(content).hexdigest()
    (mirror / "labels.gz").write_bytes(gzip.compress(b"something else"))
    arguments = ("labels", digest, "mnist", None, True, mirror.as_uri() + "/")
    with pytest.raises(DataError, match="SHA-256"):
        downloads.fetch(*arguments)
    assert not list((cache / "mnist").iterdir())
    (mirror / "labels.gz").write_bytes(gzip.compress(content))
    assert downloads.fetch(*arguments)[0] == content
    (mirror / "labels.gz").unlink()
    assert downloads.fetch(*arguments)[0] == content
    with pytest.raises(DataError, match="download of"):
        downloads.fetch("other", digest, "mnist", None, True, mirror.as_uri() + "/")


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A mirror that can go on where a download stopped, cut replies short, or be away."""
    state = {"content": b"", "cut": None, "ranges": True, "asked": []}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers.get("Range")
            state["asked"].append(wanted)
            start = int(wanted.split("=")[1].rstrip("-")) if wanted and state["ranges"] else 0
            if start and start >= len(state["content"]):
                self.send_error(416)
                return
            part = state["content"][start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part[: state["cut"]])

        def log_message(self, *arguments):
            pass

    monkeypatch.delenv("COSIM_DATA", raising=False)
    monkeypatch.setattr(downloads, "cache", lambda: tmp_path / "cache")
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        state["address"] = f"http://127.0.0.1:{made.server_port}/"
        yield state
        made.shutdown()
        thread.join()


CONTENT = idx((4000,), np.random.default_rng(0).integers(0, 256, 4000, dtype=np.uint8).tobytes())
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def fetch(server):
    return downloads.fetch("labels", DIGEST, "mnist", None, True, server["address"])[0]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_was_cut_goes_on(server, tmp_path, ranges):
    server |= {"content": gzip.compress(CONTENT), "cut": 1500, "ranges": ranges}
    with pytest.raises(DataError, match=r"download of .* bytes are missing"):
        fetch(server)
    folder = tmp_path / "cache" / "mnist"
    assert [p.name for p in folder.iterdir()] == ["labels.gz.part"]
    server["cut"] = None
    assert fetch(server) == CONTENT
    assert server["asked"] == [None, "bytes=1500-"]
    assert [p.name for p in folder.iterdir()] == ["labels.gz"]
    assert fetch(server) == CONTENT
    assert len(server["asked"]) == 2


def test_a_part_that_is_already_whole_is_used(server, tmp_path):
    server["content"] = gzip.compress(CONTENT)
    part = tmp_path / "cache" / "mnist" / "labels.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(server["content"])
    assert fetch(server) == CONTENT


def test_wrong_bytes_are_thrown_away_and_a_damaged_cache_is_fetched_again(server, tmp_path):
    server["content"] = gzip.compress(b"another file")
    with pytest.raises(DataError, match="SHA-256"):
        fetch(server)
    folder = tmp_path / "cache" / "mnist"
    assert not list(folder.iterdir())
    server["content"] = gzip.compress(CONTENT)
    fetch(server)
    (folder / "labels.gz").write_bytes(gzip.compress(CONTENT)[:-20])
    with pytest.raises(DataError, match="damaged"):
        downloads.fetch("labels", DIGEST, "mnist", None, False, server["address"])
    assert fetch(server) == CONTENT
    assert downloads.fetch("labels", DIGEST, "mnist", None, False, "none:")[0] == CONTENT


def test_files_of_the_user_are_never_replaced(server, tmp_path, monkeypatch):
    own = tmp_path / "own" / "mnist"
    own.mkdir(parents=True)
    (own / "labels.gz").write_bytes(b"damaged")
    monkeypatch.setenv("COSIM_DATA", str(tmp_path / "own"))
    server["content"] = gzip.compress(CONTENT)
    with pytest.raises(DataError, match="SHA-256"):
        fetch(server)
    assert (own / "labels.gz").read_bytes() == b"damaged"


def test_offline_and_full_disks_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("COSIM_DATA", raising=False)
    monkeypatch.setattr(downloads, "cache", lambda: tmp_path / "cache")
    nobody = {"address": "http://127.0.0.1:9/"}
    with pytest.raises(DataError, match=r"download of .* failed.*set COSIM_DATA"):
        fetch(nobody)
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(downloads, "cache", lambda: tmp_path / "file")
    with pytest.raises(DataError, match=r"cannot be kept.*set COSIM_DATA"):
        fetch(nobody)


def test_a_download_is_allowed_by_the_environment(server, monkeypatch):
    server["content"] = gzip.compress(CONTENT)
    arguments = ("labels", DIGEST, "mnist", None, False, server["address"])
    with pytest.raises(DataError, match="COSIM_DOWNLOAD=1"):
        downloads.fetch(*arguments)
    monkeypatch.setenv("COSIM_DOWNLOAD", "1")
    assert downloads.fetch(*arguments)[0] == CONTENT


def test_text_is_normalised_before_the_hash():
    raw = b"\xef\xbb\xbfa b\r\nc\r\n"
    digest = hashlib.sha256(b"a b\nc").hexdigest()
    assert downloads.checked(raw, "x.txt", digest, "here") == b"a b\nc"


def test_digits_need_no_file():
    data = datasets.digits(seed=3)
    assert data.train_images.shape[1:] == (8, 8)
    assert len(data.train_images) + len(data.test_images) == 1797
    assert data.classes == 10
    assert data.train_images.max() == 255
    np.testing.assert_array_equal(data.test_images, datasets.digits(seed=3).test_images)
    with pytest.raises(DataError):
        datasets.digits(test_fraction=1.0)


def test_shrink_is_the_mean_of_blocks():
    image = np.zeros((1, 28, 28), dtype=np.uint8)
    image[0, 2:4, 2:4] = 255  # the first block of the central 24 x 24
    small = datasets.shrink(image, 12)
    assert small.shape == (1, 12, 12)
    assert small[0, 0, 0] == 1.0
    assert small.sum() == 1.0
    with pytest.raises(DataError):
        datasets.shrink(image, 29)
    with pytest.raises(DataError):
        datasets.shrink(image, 0)


def test_text_split_covers_the_text():
    text = datasets.Text(
        name="t", tokens=np.arange(100), vocabulary=("a",), source="made in the test"
    )
    parts = text.split()
    assert [len(p) for p in parts] == [80, 10, 10]
    np.testing.assert_array_equal(np.concatenate(parts), text.tokens)
    with pytest.raises(DataError):
        text.split(train=0.9, validation=0.2)


@pytest.mark.data
def test_the_real_sets(request):
    import os

    if not os.environ.get("COSIM_DATA"):
        pytest.skip("set COSIM_DATA to the folder that holds mnist/ and text/")
    data = datasets.mnist()
    assert data.train_images.shape == (60000, 28, 28)
    assert data.test_images.shape == (10000, 28, 28)
    assert np.bincount(data.test_labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    folder = Path(os.environ["COSIM_DATA"])
    text = datasets.war_and_peace(folder)
    assert len(text.tokens) == 3196211
    assert len(text.vocabulary) == 82
    assert "".join(text.vocabulary[i] for i in text.tokens[:12]) == '"Well, Princ'
