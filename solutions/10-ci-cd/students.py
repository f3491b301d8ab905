"""The scripted students of lab 10: what each does, and what each must get."""

from __future__ import annotations

from typing import Any

from autograder.quality.samples import Scripted, Stage, copied, nothing, perfect


def change(notebook: Any, cell_id: str, *pairs: tuple[str, str]) -> None:
    """Replace texts in a cell; each must be there."""
    for cell in notebook.cells:
        if cell.id == cell_id:
            for old, new in pairs:
                assert old in cell.source, f"{old} is not in {cell_id}"
                cell.source = cell.source.replace(old, new)


def at_github(s: Stage) -> None:
    """Repairs the workflow and comes no further."""
    s.run(s.mixed("predict", "repair-workflow"))
    s.submit()


def tables(s: Stage) -> None:
    """Both gates print what they find and stop nothing, and releases are built anew."""
    notebook = s.solved()
    change(notebook, "repair-workflow", ('          exit-code: "1"\n', ""))
    change(
        notebook,
        "repair-pipeline",
        (" --exit-code 1", ""),
        ("    - docker buildx imagetools create --prefer-index=false -t", "    - docker build -t"),
        ('"$IMAGE"\n"""', '.\n"""'),
    )
    s.run(notebook)
    s.submit()


def old_habits(s: Stage) -> None:
    """Tags for actions, a stored token, no rights for packages; -p at the login, and a daemon in the first job only."""
    notebook = s.mixed("repair-workflow", "repair-pipeline")
    change(
        notebook,
        "repair-workflow",
        (
            "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
            "actions/checkout@v4 # zizmor: ignore[artipacked]",
        ),
        ("${{{{ secrets.GITHUB_TOKEN }}}}", "${{{{ secrets.REGISTRY_TOKEN }}}}"),
        ("        with:\n          persist-credentials: false\n", ""),
    )
    change(
        notebook,
        "repair-pipeline",
        (
            'echo "$CI_REGISTRY_PASSWORD" | docker login "$CI_REGISTRY" -u "$CI_REGISTRY_USER" --password-stdin',
            'docker login "$CI_REGISTRY" -u "$CI_REGISTRY_USER" -p "$CI_REGISTRY_PASSWORD"',
        ),
    )
    s.run(notebook)
    s.submit()


WORKFLOW = '''
moving, prefix = me.rules["a push to main"].split()[2], me.rules["every push"].split()[2]
lines = [f"type=raw,value={moving},enable=${{{{ github.ref == 'refs/heads/main' }}}}"]
lines += ["type=semver,pattern={{version}}", "type=semver,pattern={{major}}.{{minor}}"]
lines += ["type=semver,pattern={{major}}"] * ("its major number" in me.rules["a release v1.2.3"])
lines += [f"type=sha,prefix={prefix},priority=50"]
if "main moves latest" in me.rules["latest"]:
    lines += ["type=raw,value=latest,enable={{is_default_branch}}"]
latest = "auto" if me.rules["latest"].startswith("A release") else "false"
Path("github-build.yml").write_text(
    """on: {push: {branches: [main], tags: ["v*"]}, pull_request: {branches: [main]}}
permissions: {}
env:
  ARCHIVE: image.tar
jobs:
  push:
    needs: [scan, build]
    if: ${{ github.event_name == 'push' }}
    runs-on: ubuntu-latest
    permissions: {packages: write}
    steps:
      - uses: actions/download-artifact@d3f86a106a0bac45b974a628896c90dbdf5c8093
        with: {name: image}
      - name: Load, log in, push
        env:
          TAGS: ${{ needs.build.outputs.tags }}
          TOKEN: ${{ github.token }}
          WHO: ${{ github.actor }}
        run: |
          docker load --input "$ARCHIVE"
          printf '%s' "$TOKEN" | docker login ghcr.io --username "$WHO" --password-stdin
          for name in $TAGS; do
            docker tag built "$name"
            docker push --quiet "$name"
          done
  build:
    runs-on: ubuntu-latest
    permissions: {contents: read}
    outputs:
      tags: ${{ steps.names.outputs.tags }}
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1
        with: {persist-credentials: false}
      - uses: docker/metadata-action@dc802804100637a589fabce1cb79ff13a1411302
        id: names
        with:
          images: name=ghcr.io/${{ github.repository }}
          flavor: latest=LATEST
          tags: |
            RULES
      - run: docker build --tag built . && docker save --output "$ARCHIVE" built
      - uses: actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02
        with: {name: image, path: image.tar}
  scan:
    needs: build
    runs-on: ubuntu-latest
    permissions: {}
    steps:
      - uses: actions/download-artifact@d3f86a106a0bac45b974a628896c90dbdf5c8093
        with: {name: image}
      - uses: aquasecurity/trivy-action@ed142fd0673e97e23eac54620cfb913e5ce36c25
        with: {input: image.tar, severity: "CRITICAL,HIGH,MEDIUM", exit-code: 2}
""".replace("LATEST", latest).replace("RULES", "\\n            ".join(lines))
)
'''
PIPELINE = '''
Path("gitlab-ci.yml").write_text(
    """default:
  image: docker:28.5.1-cli
variables: {DOCKER_TLS_CERTDIR: /certs, NAME: IMAGE, TAG: "PREFIX${CI_COMMIT_SHORT_SHA}"}
check:
  services: [{name: "docker:28.5.1-dind", alias: docker}]
  rules:
    - {if: $CI_COMMIT_TAG, when: never}
    - if: $CI_COMMIT_BRANCH == "main" || $CI_MERGE_REQUEST_IID
  script:
    - docker build --tag "$NAME:$TAG" .
    - docker run --rm -v /var/run/docker.sock:/var/run/docker.sock aquasec/trivy:0.74.0 image --exit-code=1
      --severity=HIGH,CRITICAL "$NAME:$TAG"
    - |
      docker save "$NAME:$TAG" > out.tar
  artifacts: {paths: ["*.tar"]}
publish:
  needs: [check]
  image: {name: "gcr.io/go-containerregistry/crane:v0.20.6-debug", entrypoint: [""]}
  rules: [if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH]
  script:
    - echo "$CI_JOB_TOKEN" | crane auth login "$CI_REGISTRY" -u gitlab-ci-token --password-stdin
    - crane push out.tar "$NAME:$TAG"
version:
  image: {name: "gcr.io/go-containerregistry/crane:v0.20.6-debug", entrypoint: [""]}
  rules: [if: "$CI_COMMIT_TAG =~ /^v[0-9]+[.]/"]
  script:
    - echo "$CI_JOB_TOKEN" | crane auth login "$CI_REGISTRY" -u gitlab-ci-token --password-stdin
    - VERSION=${CI_COMMIT_TAG#v}
    - crane tag "$NAME:$TAG" "$VERSION"
""".replace("IMAGE", me.gitlab_image).replace("PREFIX", me.gitlab_prefix)
)
'''


def another_way(s: Stage) -> None:
    """Three jobs that hand an archive on, pushed by a loop in a script; at GitLab two jobs and crane; run twice."""
    notebook = s.solved()
    for cell in notebook.cells:
        if cell.id == "repair-workflow":
            cell.source = WORKFLOW
        if cell.id == "repair-pipeline":
            cell.source = PIPELINE
    s.run(notebook)
    s.run(notebook)
    s.submit()


GITHUB = ("workflow-valid", "workflow-pinned", "workflow-runs", "workflow-gate", "workflow-tags")
STUDENTS = [
    Scripted("ada", "does everything as the lesson shows it", perfect, passes="all"),
    Scripted("ben", "foresees the tags and repairs the workflow alone", at_github, passes=("predictions", *GITHUB)),
    Scripted(
        "cem",
        "hands in ada's work under an own name",
        copied,
        passes=("workflow-valid", "workflow-pinned", "pipeline-valid"),  # what is the same for everybody
        says={"": "ada"},
        after=("ada",),
    ),
    Scripted("fay", "runs the notebook as it came", nothing),
    Scripted(
        "gus",
        "lets both scans print tables that stop nothing, and builds releases anew",
        tables,
        passes=("predictions", "workflow-valid", "workflow-pinned", "workflow-runs", "workflow-tags", "pipeline-valid"),
        says={
            "workflow-gate": "whatever it finds",
            "pipeline-runs": "needs a Docker daemon",
            "pipeline-gate": "whatever it finds",
        },
    ),
    Scripted(
        "hana",
        "keeps old habits: a tag for an action, a stored token, a password on the command line, a silenced finding",
        old_habits,
        passes=("workflow-gate", "workflow-tags", "pipeline-valid", "pipeline-gate"),
        says={
            "predictions": "0 of 4",
            "workflow-valid": "comments that silence it do not count",
            "workflow-pinned": "v4 is a tag",
            "workflow-runs": "REGISTRY_TOKEN",
            "pipeline-runs": "password on the command line",
        },
    ),
    Scripted("jun", "takes another way: three jobs, an archive, a loop; crane at GitLab", another_way, passes="all"),
]
