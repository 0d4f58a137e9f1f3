"""tools/fetch_hub.py against a hub on this machine's loopback address: whole, broken off, lying, closed and absent."""

import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

PROGRAM = pathlib.Path(__file__).parents[2] / "tools/fetch_hub.py"
COMMIT = "0123456789abcdef"
WEIGHTS = bytes(range(256)) * 4096
FILES = {"config.json": b'{"model_type": "llama"}', "model.safetensors": WEIGHTS, "README.md": b"# not wanted",
         "onnx/model.safetensors": b"not wanted either"}


def listing(files=FILES):
    siblings = []
    for name, content in files.items():
        entry = {"rfilename": name, "size": len(content),
                 "blobId": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()}
        if name.endswith(".safetensors"):
            entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        siblings.append(entry)
    return {"sha": COMMIT, "siblings": siblings}


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def answer(self, status, content, promised=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) if promised is None else promised))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        hub = self.server
        hub.requests.append((self.path, dict(self.headers)))
        if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            return self.answer(401, b"")
        if self.path.startswith("/api/models/some/model"):
            return self.answer(200, json.dumps(hub.listing).encode())
        if self.path.startswith("/storage/"):
            return self.storage(self.path.removeprefix("/storage/"))
        if self.path.startswith(f"/some/model/resolve/{COMMIT}/"):
            name = self.path.rsplit("/", 1)[1]
            return self.answer(302, b"", Location=f"http://localhost:{hub.server_port}/storage/{name}")
        return self.answer(404, b"")

    def storage(self, name):
        content = self.server.files[name]
        start = 0
        if value := self.headers.get("Range"):
            start = int(value.removeprefix("bytes=").rstrip("-"))
        status = 206 if start else 200
        if self.server.breaks_after is not None:
            part, self.server.breaks_after = content[start:][: self.server.breaks_after], None
            self.answer(status, part, promised=len(content) - start)
            return self.connection.close()
        return self.answer(status, content[start:])


class FetchHub(unittest.TestCase):
    def setUp(self):
        self.hub = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.hub.requests, self.hub.token, self.hub.breaks_after = [], None, None
        self.hub.listing, self.hub.files = listing(), dict(FILES)
        threading.Thread(target=self.hub.serve_forever, daemon=True).start()
        self.models = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.models.name, "some--model")

    def tearDown(self):
        self.hub.shutdown()
        self.hub.server_close()
        self.models.cleanup()

    def fetch(self, name="some/model", **environment):
        endpoint = f"http://127.0.0.1:{self.hub.server_port}"
        return subprocess.run([sys.executable, PROGRAM, name, self.models.name], capture_output=True, text=True,
                              env={**os.environ, "HF_ENDPOINT": endpoint, "HF_TOKEN": "", "no_proxy": "*", **environment})

    def content(self):
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}

    def test_fetches_configuration_and_weights_and_nothing_else(self):
        done = self.fetch()
        self.assertEqual((done.returncode, done.stdout.strip()), (0, str(self.folder)), done.stderr)
        self.assertEqual(self.content(), {name: FILES[name] for name in ("config.json", "model.safetensors")})

    def serve(self, weights):
        """A model of these files of weights, all of the same content."""
        self.hub.files = {"config.json": FILES["config.json"], **dict.fromkeys(weights, WEIGHTS)}
        self.hub.listing = listing(self.hub.files)

    def test_fetches_all_shards_and_their_index(self):
        shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
        self.serve([*shards, "consolidated.safetensors", "model.fp16.safetensors", "pytorch_model-00001-of-00002.bin"])
        self.assertEqual(self.fetch().returncode, 0)
        self.assertEqual(sorted(self.content()), ["config.json", *shards])

    def test_fetches_no_shards_where_one_file_has_all_weights(self):
        self.serve(["model.safetensors", "model-00001-of-00001.safetensors", "model.safetensors.index.json"])
        self.assertEqual(self.fetch().returncode, 0)
        self.assertEqual(sorted(self.content()), ["config.json", "model.safetensors"])

    def test_does_not_fetch_again_what_is_there(self):
        self.fetch()
        self.hub.requests.clear()
        self.assertEqual(self.fetch().returncode, 0)
        self.assertEqual([path for path, _ in self.hub.requests if "/storage/" in path], [])

    def test_goes_on_where_a_broken_download_stopped(self):
        self.hub.files["config.json"] = FILES["config.json"]
        self.fetch()
        (self.folder / "model.safetensors").unlink()
        self.hub.breaks_after = 300_000
        done = self.fetch()
        self.assertEqual(done.returncode, 1)
        self.assertIn("error: model.safetensors", done.stderr)
        self.assertFalse((self.folder / "model.safetensors").exists())
        self.hub.requests.clear()
        self.assertEqual(self.fetch().returncode, 0)
        ranges = [headers.get("Range") for path, headers in self.hub.requests if "/storage/" in path]
        self.assertEqual(ranges, ["bytes=300000-"])
        self.assertEqual(self.content()["model.safetensors"], WEIGHTS)

    def test_refuses_weights_that_are_not_what_the_hub_promised(self):
        self.hub.files["model.safetensors"] = WEIGHTS[:-1] + b"x"
        done = self.fetch()
        self.assertEqual(done.returncode, 1)
        self.assertIn("error: model.safetensors", done.stderr)
        self.assertEqual(list(self.content()), ["config.json"])

    def test_refuses_a_configuration_that_is_not_what_the_hub_promised(self):
        self.hub.files["config.json"] = b'{"model_type": "opt_1"}'
        self.assertEqual(self.fetch().returncode, 1)

    def test_shows_the_token_to_the_hub_and_not_to_its_storage(self):
        self.hub.token = "secret"
        self.assertIn("HF_TOKEN", self.fetch().stderr)
        self.hub.requests.clear()
        self.fetch(HF_TOKEN="secret")
        tokens = {path.split("/")[1]: headers.get("Authorization") for path, headers in self.hub.requests}
        self.assertEqual(tokens, {"api": "Bearer secret", "some": "Bearer secret", "storage": None})

    def test_says_that_a_model_is_not_there(self):
        done = self.fetch("some/other")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "^error: .*HTTP 404")

    def test_says_that_the_hub_cannot_be_reached(self):
        done = self.fetch(HF_ENDPOINT="http://127.0.0.1:9")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "^error: http://127.0.0.1:9 cannot be reached")

    def test_refuses_a_listing_that_makes_no_sense(self):
        self.hub.listing = {"siblings": "x"}
        done = self.fetch()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "^error: some/model: the hub's answer is not understood")

    def test_refuses_a_model_without_safetensors(self):
        self.hub.listing["siblings"] = [f for f in self.hub.listing["siblings"] if f["rfilename"] == "config.json"]
        self.assertIn("no safetensors", self.fetch().stderr)


if __name__ == "__main__":
    unittest.main()
