"""fetch_hub.py OWNER/MODEL FOLDER: a model of the Hugging Face hub, into FOLDER/OWNER--MODEL.

Takes configuration, tokenizer and safetensors, goes on where a broken download stopped, and checks every file: by sha256
where the hub keeps it in large-file storage, by git's blob id otherwise. Prints the model's folder. Python's own library only.
"""

import hashlib
import http.client
import json
import os
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

WANTED = re.compile(
    r"(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json"
    r"|merges\.txt|(tokenizer|spiece)\.model|model[^/]*\.safetensors(\.index\.json)?"
)
WHOLE = re.compile(r"model\.safetensors")
SHARDS = re.compile(r"model\.safetensors\.index\.json|model-\d+-of-\d+\.safetensors")
CHUNK_BYTES = 1 << 20
TIMEOUT_S = 60


class Failure(Exception):
    """One line for the user."""


class TokenStaysHome(urllib.request.HTTPRedirectHandler):
    """The hub redirects to storage on other hosts; they have their own signature in the address and get no token."""

    def redirect_request(self, request, *rest):
        redirected = super().redirect_request(request, *rest)
        if redirected is not None and redirected.host != request.host:
            redirected.remove_header("Authorization")
        return redirected


class Hub:
    def __init__(self, endpoint, token):
        self.endpoint = endpoint.rstrip("/")
        self.headers = {"User-Agent": "sparsecim"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        self.opener = urllib.request.build_opener(TokenStaysHome)

    def open(self, path, **headers):
        request = urllib.request.Request(self.endpoint + path, headers={**self.headers, **headers})
        try:
            return self.opener.open(request, timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            if error.code in (401, 403, 404):
                raise Failure(f"{self.endpoint}{path}: not there, or closed (HTTP {error.code}); check the name, or give "
                              "a token that may read it in HF_TOKEN") from None
            raise Failure(f"{self.endpoint}{path}: HTTP {error.code}") from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise Failure(f"{self.endpoint} cannot be reached: {reason}; download the model elsewhere and give its folder "
                          "instead, or name a mirror in HF_ENDPOINT") from None

    def files(self, model):
        """The commit that the model is at, and its files that we want."""
        with self.open(f"/api/models/{model}?blobs=true") as answer:
            about = json.load(answer)
        return about["sha"], chosen([file for file in about["siblings"] if WANTED.fullmatch(file["rfilename"])])


def chosen(files):
    """Of weights that are there both whole and in shards, or in several types, one set: what sparsecim would read."""
    keep = WHOLE if any(WHOLE.fullmatch(file["rfilename"]) for file in files) else SHARDS
    return [file for file in files if ".safetensors" not in file["rfilename"] or keep.fullmatch(file["rfilename"])]


def digest_of(file):
    """The digest that the hub promises, and a hash object that arrives at it."""
    if "lfs" in file and file["lfs"]:
        return file["lfs"]["sha256"], hashlib.sha256()
    return file["blobId"], hashlib.sha1(b"blob %d\0" % file["size"])  # git's name for a file of that content


def is_whole(path, file):
    if not path.is_file() or path.stat().st_size != file["size"]:
        return False
    promised, digest = digest_of(file)
    with path.open("rb") as stream:
        while block := stream.read(CHUNK_BYTES):
            digest.update(block)
    return digest.hexdigest() == promised


def download(hub, address, size, part):
    """Appends to `part` what it lacks; starts over when the server does not know how to go on."""
    have = part.stat().st_size if part.exists() else 0
    if have >= size:
        have = 0
    with hub.open(address, **({"Range": f"bytes={have}-"} if have else {})) as answer:
        append = have and answer.status == 206
        done = have if append else 0
        start, shown = time.monotonic(), 0.0
        with part.open("ab" if append else "wb") as stream:
            while block := answer.read(CHUNK_BYTES):
                stream.write(block)
                done += len(block)
                if time.monotonic() - shown > 5:
                    shown = time.monotonic()
                    rate = (done - have) / 1e6 / max(shown - start, 1e-3)
                    print(f"   {done / 1e6:.0f} of {size / 1e6:.0f} MB, {rate:.1f} MB/s", file=sys.stderr)


def fetch(hub, model, commit, file, folder):
    name = file["rfilename"]
    target = folder / name
    if is_whole(target, file):
        return
    part = folder / f"{name}.{commit[:12]}.part"
    print(f"== downloading {name} ({file['size'] / 1e6:.1f} MB)", file=sys.stderr)
    try:
        download(hub, f"/{model}/resolve/{commit}/{urllib.parse.quote(name)}", file["size"], part)
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"{name}: the connection broke ({error}); run the same again to go on") from None
    if not is_whole(part, file):
        got = part.stat().st_size
        if got >= file["size"]:
            part.unlink()
        raise Failure(f"{name}: {got} of {file['size']} bytes came, or others than the hub promises; run the same again")
    part.rename(target)


def fetch_model(hub, model, folder):
    try:
        commit, files = hub.files(model)
        if not any(file["rfilename"].endswith(".safetensors") for file in files):
            raise Failure(f"{model}: has no safetensors; convert it, or choose another model")
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(files, key=lambda file: file["size"]):
            fetch(hub, model, commit, file, folder)
    except (KeyError, TypeError, ValueError) as error:
        raise Failure(f"{model}: the hub's answer is not understood ({error!r})") from None


def main(model, models):
    folder = pathlib.Path(models) / model.replace("/", "--")
    try:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", model):
            raise Failure(f"'{model}' is not OWNER/MODEL")
        hub = Hub(os.environ.get("HF_ENDPOINT") or "https://huggingface.co", os.environ.get("HF_TOKEN"))
        fetch_model(hub, model, folder)
    except Failure as failure:
        sys.exit(f"error: {failure}")
    print(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
