# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] id="title"
# # Lab 05: A private registry
#
# **About 75 minutes, 9 points.** You need a container engine that runs, and `curl`. Lesson 05 explains every word used here.
# The lab is not on the core path.
#
# A second team wants to pull your team's releases. You write down a registry that others may use: with a certificate for
# its name, a password, deletion, and a volume. You run it, push to it, clean it up, and then you break it on purpose.
#
# Every task says what to achieve. The checks start a registry of their own from your files and ask it, so it does not
# matter how you made them. If you are stuck, `hint("certificate")` gives the first of three hints for that check.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import bcrypt

from autograder.notebook import answer, check, hint, me

me

# %% [markdown] id="values"
# These values are yours alone. Use them by name: in Python as `me.host`, and in a line that begins with `!` as `{me.host}`.
#
# Your registry's name, `me.host`, exists on no network, so `curl` has to be told where it is: `OPTIONS` below make it trust
# the certificate that you are going to make, and no other, and lead your name to this machine. `COMPOSE` is `docker compose`,
# or, where you do not have it, the kit's `course compose`, which does the same for one registry. So `!{COMPOSE} up --detach`
# and `!curl {OPTIONS} -i {URL}/v2/` work on every machine.

# %% nbgrader={"grade": false, "grade_id": "helpers", "locked": true, "schema_version": 3, "solution": false, "task": false}
HOST = f"localhost:{me.port}"  # how Docker reaches your registry
URL = f"https://{me.host}:{me.port}"  # how curl does
OPTIONS = f'-sS --noproxy "*" --cacert certs/domain.crt --resolve {me.host}:{me.port}:127.0.0.1'
if sys.platform == "win32":
    OPTIONS += " --ssl-no-revoke"  # nobody publishes which of your certificates were revoked
found = subprocess.run(["docker", "compose", "version"], capture_output=True)
COMPOSE = "docker compose" if found.returncode == 0 else "course compose"
os.environ.setdefault("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")  # one manifest a release: deleting it deletes all of it

# For `docker login … --password-stdin < password.txt` and `curl -K login.conf`; neither file is handed in.
Path("password.txt").write_text(me.password, encoding="utf-8")
Path("login.conf").write_text(f'user = "{me.user}:{me.password}"\n', encoding="utf-8")

# %% [markdown] id="task-1"
# ## 1 A certificate for its name
#
# *8 minutes*
#
# **Achieve:** `certs/domain.crt` is a certificate for `me.host`, and `certs/domain.key` its private key, without a
# passphrase.
#
# With `openssl` it is one command (lesson 05). Without it, `make_certificate.py` beside this notebook makes both with Python,
# but the certificate lacks what clients look for: add it, then `%run` the script with `{me.host}` behind its name.
#
# *This key goes into your submission*, because the grader runs a registry with it. It is for a name that nobody has and for
# nothing else. Any other private key stays where it was made.

# %% nbgrader={"grade": false, "grade_id": "make-certificate", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Make certs/domain.crt and certs/domain.key.
### BEGIN SOLUTION
script = Path("make_certificate.py")
code = script.read_text(encoding="utf-8")
code = code.replace("extensions = []", "extensions = [x509.SubjectAlternativeName([x509.DNSName(name)])]")
script.write_text(code, encoding="utf-8", newline="\n")
# %run make_certificate.py {me.host}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "certificate", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("certificate")

# %% [markdown] id="task-2"
# ## 2 A password file
#
# *6 minutes*
#
# **Achieve:** `auth/htpasswd` lets `me.user` in with `me.password`. None of the four files that you hand in (this one, the
# certificate, the key, `compose.yaml`) holds the password itself.
#
# Python's `bcrypt` is imported above. Apache's `htpasswd` does as well, where you have it.

# %% nbgrader={"grade": false, "grade_id": "write-passwords", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Write auth/htpasswd.
### BEGIN SOLUTION
hashed = bcrypt.hashpw(me.password.encode(), bcrypt.gensalt(rounds=10)).decode()
Path("auth").mkdir(exist_ok=True)
Path("auth/htpasswd").write_text(f"{me.user}:{hashed}\n", encoding="utf-8", newline="\n")
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "passwords", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("passwords")

# %% [markdown] id="task-3"
# ## 3 The settings, and start it
#
# *18 minutes*
#
# **Achieve:** `compose.yaml` beside this notebook describes the registry: the image `registry:2`; published on port `me.port`
# of 127.0.0.1 and nowhere else; TLS with your certificate and key; a login with your password file under the realm
# `me.realm`; deletion on; its data in a volume. It runs: `{COMPOSE} up --detach`.
#
# Write the file in JupyterLab or from the cell. If another program holds `me.port`, `up` says so: use another port there,
# and in `HOST`, `URL` and `OPTIONS`.
#
# The checks, and `course compose`, know the settings that lesson 05 uses and refuse others by name. The first of the two
# checks reads the file, the second starts a registry from it, looks at it from outside, and throws it away.

# %% nbgrader={"grade": false, "grade_id": "write-settings", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Write compose.yaml, then start the registry.
### BEGIN SOLUTION
settings = f"""services:
  registry:
    image: registry:2
    restart: always
    ports:
      - "127.0.0.1:{me.port}:443"
    environment:
      REGISTRY_HTTP_ADDR: 0.0.0.0:443
      REGISTRY_HTTP_TLS_CERTIFICATE: /certs/domain.crt
      REGISTRY_HTTP_TLS_KEY: /certs/domain.key
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: {me.realm}
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd
      REGISTRY_STORAGE_DELETE_ENABLED: "true"
    volumes:
      - ./certs:/certs:ro
      - ./auth:/auth:ro
      - registry-data:/var/lib/registry

volumes:
  registry-data:
"""
Path("compose.yaml").write_text(settings, encoding="utf-8", newline="\n")
# !{COMPOSE} up --detach
# !{COMPOSE} restart
# !{COMPOSE} ps
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "settings", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("settings")

# %% nbgrader={"grade": true, "grade_id": "runs", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("runs")

# %% [markdown] id="task-4"
# ## 4 Knock at the door
#
# *6 minutes*
#
# **Achieve:** `challenge` is how your registry asks for a login: the value of the header `WWW-Authenticate` in its answer to
# a request without one. See also that it answers 200 with your login (`-K login.conf`).
#
# Ask with `curl` and `OPTIONS`: when it gets an answer at all, the certificate is right for the name.
# A push to `localhost` would not show that, since Docker accepts any certificate on a loopback address.

# %% nbgrader={"grade": false, "grade_id": "ask-for-login", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Ask {URL}/v2/ without and with your login; set challenge.
### BEGIN SOLUTION
# !curl {OPTIONS} -i -K login.conf {URL}/v2/
# lines = !curl {OPTIONS} -i --retry 10 --retry-connrefused --retry-delay 1 {URL}/v2/
print("\n".join(lines))
challenge = next(line.partition(":")[2].strip() for line in lines if line.lower().startswith("www-authenticate"))
### END SOLUTION
answer("challenge", challenge)

# %% nbgrader={"grade": true, "grade_id": "challenge", "locked": true, "points": 0.75, "schema_version": 3, "solution": false, "task": false}
check("challenge")

# %% [markdown] id="task-5"
# ## 5 Push two releases
#
# *9 minutes*
#
# The folder `release` holds a `Dockerfile` for a small model: a tokenizer that stays the same, and weights. `train()` makes
# both files the first time, and new weights each time.

# %% nbgrader={"grade": false, "grade_id": "training", "locked": true, "schema_version": 3, "solution": false, "task": false}
def train():
    """Train a release: the tokenizer stays as it is, the weights are new."""
    tokenizer = Path("release/tokenizer.bin")
    if not tokenizer.exists():
        tokenizer.write_bytes(os.urandom(300_000))
    Path("release/weights.bin").write_bytes(os.urandom(200_000))


# %% [markdown] id="task-5a"
# **Achieve:** two releases, `me.v1` and `me.v2`, are in your registry as `me.repository`, with `train()` before each build.
# Each has its version in the label `org.opencontainers.image.version` and `me.team` in `course.owner`. Docker reaches the
# registry as `HOST`; log in with the password from `password.txt`.

# %% nbgrader={"grade": false, "grade_id": "push-both", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Log in, then train, build and push each release.
### BEGIN SOLUTION
# !docker login {HOST} -u {me.user} --password-stdin < password.txt
for version in (me.v1, me.v2):
    name = f"{HOST}/{me.repository}:{version}"
    train()
    # !docker build --tag {name} --build-arg MODEL_VERSION={version} --build-arg OWNER={me.team} release
    # !docker push {name}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "pushed", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("pushed")

# %% [markdown] id="task-6"
# ## 6 Delete, and give the space back
#
# *14 minutes*
#
# The first release has to go. When it is gone, nobody can tell any more what it consisted of. So first you keep its manifest.
#
# **Achieve:** `removed` is the text of the manifest of `me.v1`, exactly as the registry sends it. Then the manifest is
# deleted, garbage is collected, and `freed` is the number of bytes that this gave back: of all the blobs that were removed.
# `me.v2` stays.
#
# *If it has `manifests` in the place of `layers`, it is an index*: you built in another terminal, with Docker 29 or newer. An
# index lists the image and a note on how it was built, and both are manifests of their own. Then `removed` is a list: the
# text of the index, then the texts of what it lists. Delete all of them, for what an index listed stays when it goes.
#
# The registry answers in a form that you accept: give `ACCEPT` to `curl` as `-H "Accept: {ACCEPT}"`. A deletion names a
# digest. The collector runs inside the container: `{COMPOSE} exec -T registry registry garbage-collect …`. Nobody pushes
# meanwhile, so the registry may go on. Restart it afterwards, since it remembers blobs that are gone: `{COMPOSE} restart`.

# %% nbgrader={"grade": false, "grade_id": "collect-garbage", "locked": false, "schema_version": 3, "solution": true, "task": false}
KINDS = "docker.distribution.manifest.v2", "oci.image.manifest.v1", "oci.image.index.v1"
ACCEPT = ", ".join(f"application/vnd.{kind}+json" for kind in KINDS)


# Keep the manifest, delete it, collect, and compute freed.
### BEGIN SOLUTION
def read(reference):
    """A manifest's text, exactly as the registry sends it."""
    # !curl {OPTIONS} -K login.conf -H "Accept: {ACCEPT}" -o manifest.json {URL}/v2/{me.repository}/manifests/{reference}
    return Path("manifest.json").read_bytes().decode()


def whole(tag):
    """The text behind a tag, and of an index the texts of what it lists."""
    text = read(tag)
    return [text, *(read(each["digest"]) for each in json.loads(text).get("manifests", []))]


def digest_of(text):
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def blobs(texts):
    """All that manifests consist of, themselves among it: digest and size."""
    sizes = {digest_of(text): len(text.encode()) for text in texts}
    for image in map(json.loads, texts):
        sizes |= {part["digest"]: part["size"] for part in [*image.get("layers", []), image.get("config")] if part}
    return sizes


old, new = whole(me.v1), whole(me.v2)
removed = old if len(old) > 1 else old[0]
for text in old:
    digest = digest_of(text)
    # !curl {OPTIONS} -K login.conf -i -X DELETE {URL}/v2/{me.repository}/manifests/{digest}
# !{COMPOSE} exec -T registry registry garbage-collect /etc/docker/registry/config.yml
# !{COMPOSE} restart

first, second = blobs(old), blobs(new)
freed = sum(size for one, size in first.items() if one not in second)
### END SOLUTION
answer("removed", removed)
answer("freed", freed)

# %% nbgrader={"grade": true, "grade_id": "freed", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("freed")

# %% [markdown] id="task-7"
# ## 7 Break it
#
# *14 minutes*
#
# `me.breaks` names three things to break. `broken_copy()` makes a copy of your settings in `broken/` on port `me.spare_port`;
# spoil that one, never the files you hand in. `{COMPOSE} --project-directory broken up --detach` starts it, `… logs` shows
# what it said, `… down --volumes` takes it away.

# %% nbgrader={"grade": false, "grade_id": "breaking", "locked": true, "schema_version": 3, "solution": false, "task": false}
def broken_copy():
    """A fresh copy of your settings in the folder broken/, on another port; an earlier one is taken down."""
    if Path("broken/compose.yaml").exists():
        subprocess.run(f"{COMPOSE} --project-directory broken down --volumes", shell=True, capture_output=True)
    shutil.rmtree("broken", ignore_errors=True)
    for folder in [part.name for part in Path().iterdir() if part.is_dir()]:
        Path("broken", folder).mkdir(parents=True)  # a folder for data stays empty
    for folder in ("certs", "auth"):
        shutil.copytree(folder, f"broken/{folder}", dirs_exist_ok=True)
    text = Path("compose.yaml").read_text(encoding="utf-8").replace(HOST.partition(":")[2], str(me.spare_port))
    Path("broken/compose.yaml").write_text(text, encoding="utf-8")


# %% [markdown] id="task-7a"
# **Achieve:** `errors` is a dict from each of the three names to the error that you saw: the line that says what is wrong,
# as `curl`, `docker`, the answer or the log words it.
#
# For a new key, run `make_certificate.py` inside `broken/` and keep the old certificate. A SHA-1 entry of a password file is
# `{SHA}` and the base64 of the password's SHA-1.

# %% nbgrader={"grade": false, "grade_id": "break-three", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Break, look, write down: errors = {"…": "…", …}
### BEGIN SOLUTION
import time

THERE, NOWHERE = f"https://{me.host}:{me.spare_port}", f"other.{me.team}.test"
AGAIN = f"curl {OPTIONS} --resolve {me.host}:{me.spare_port}:127.0.0.1 -K login.conf"
BROKEN = f"{COMPOSE} --project-directory broken"


def said(command, wanted=""):
    """What a command says, errors included; of a registry that still starts it is asked again."""
    for _ in range(30):
        done = subprocess.run(command, shell=True, capture_output=True, text=True, encoding="utf-8")
        text = (done.stdout + done.stderr).strip()
        if wanted in text:
            break
        time.sleep(1)
    return text


def ask_under_another_name():
    return said(f"curl {OPTIONS} --resolve {NOWHERE}:{me.port}:127.0.0.1 https://{NOWHERE}:{me.port}/v2/")


def trust_nobody():
    return said("curl " + OPTIONS.replace("--cacert certs/domain.crt", "") + f" {URL}/v2/")


def speak_http():
    return said(f"curl {OPTIONS} {URL.replace('https', 'http')}/v2/")


def forbid_deletion():
    broken_copy()
    compose = Path("broken/compose.yaml")
    compose.write_text(compose.read_text(encoding="utf-8").replace('"true"', '"false"'), encoding="utf-8")
    said(f"{BROKEN} up --detach")
    return said(f"{AGAIN} -X DELETE {THERE}/v2/x/manifests/sha256:{'0' * 64}", "UNSUPPORTED")


def take_a_foreign_key():
    broken_copy()
    certificate = Path("broken/certs/domain.crt").read_bytes()
    subprocess.run([sys.executable, "../make_certificate.py", me.host], cwd="broken", check=True)
    Path("broken/certs/domain.crt").write_bytes(certificate)
    said(f"{BROKEN} up --detach")
    return next(line for line in said(f"{BROKEN} logs", "fatal").splitlines() if "fatal" in line)


def write_another_hash():
    broken_copy()
    sha1 = base64.b64encode(hashlib.sha1(me.password.encode()).digest()).decode()
    Path("broken/auth/htpasswd").write_text(f"{me.user}:{{SHA}}{sha1}\n", encoding="utf-8", newline="\n")
    said(f"{BROKEN} up --detach")
    return said(f"{AGAIN} {THERE}/v2/", "UNAUTHORIZED")


ways = {
    "other-name": ask_under_another_name,
    "unknown-authority": trust_nobody,
    "plain-http": speak_http,
    "no-deletion": forbid_deletion,
    "foreign-key": take_a_foreign_key,
    "other-hash": write_another_hash,
}
errors = {name: ways[name]().splitlines()[0] for name in me.breaks}
print(json.dumps(errors, indent=1))
if Path("broken").exists():
    said(f"{BROKEN} down --volumes")
### END SOLUTION
answer("errors", errors)

# %% nbgrader={"grade": true, "grade_id": "breaks", "locked": true, "points": 0.25, "schema_version": 3, "solution": false, "task": false}
check("breaks")

# %% [markdown] id="end"
# ## Done?
#
# `check("all")` judges everything once more. Save the notebook. Write your submission in a terminal of JupyterLab (File, New,
# Terminal) **while your registry runs**, since its content is part of it:
#
# ```
# course submit 05-private-registry
# ```
#
# Then take it down, in the lab's folder: `docker compose down`, or `course compose down`. With `--volumes` its data goes as
# well. `docker logout` and the address make Docker forget the login.
