"""The scripted students of lab 06: what each does, and what each must get."""

from __future__ import annotations

from autograder.quality.samples import Scripted, Stage, copied, nothing, perfect


def half(s: Stage) -> None:
    """Does what is core."""
    s.run(s.mixed("create", "push-releases", "overwrite"))
    s.submit()


def classic_mistakes(s: Stage) -> None:
    """Makes everything immutable, gives the role every action, and takes an account for a number."""
    notebook = s.solved()
    for cell in notebook.cells:
        if cell.id == "create":
            cell.source = 'ecr.create_repository(repositoryName=me.repository, imageTagMutability="IMMUTABLE")'
        if cell.id == "policy":
            cell.source = cell.source.replace('*push, "BatchGetImage"', '"*"')
        if cell.id == "real-names":
            cell.source = cell.source.replace("{me.account}", "{int(me.account)}")
    s.run(notebook)
    s.submit()


AWS_CREATE = """
!aws ecr create-repository --repository-name {me.repository} --image-tag-mutability MUTABLE
!aws ecr put-image-tag-mutability --repository-name {me.repository} --image-tag-mutability IMMUTABLE_WITH_EXCLUSION \
--image-tag-mutability-exclusion-filters filterType=WILDCARD,filter=dev-* filterType=WILDCARD,filter=latest
"""
SKOPEO = """
password = !aws ecr get-login-password
for version in me.releases:
    name = f"{ECR}/{me.repository}:{version}"
    options = f"--build-arg OWNER={me.team} --label org.opencontainers.image.version={version}"
    !docker build --quiet --tag {name} {options} release
    options = f"--format oci --dest-tls-verify=false --dest-creds AWS:{password[0]}"
    !skopeo copy --quiet {options} docker-daemon:{name} docker://{name}
!skopeo copy --quiet --src-tls-verify=false --dest-tls-verify=false --src-creds AWS:{password[0]} \
--dest-creds AWS:{password[0]} docker://{name} docker://{ECR}/{me.repository}:latest
"""
PLAIN_POLICY = """
actions = ["ecr:PutImage", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload",
           "ecr:BatchCheckLayerAvailability"]
statements = [
    {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:role/ci-role"}, "Action": actions},
    {"Effect": "Allow", "Principal": {"AWS": me.partner}, "Action": "ecr:BatchGetImage"},
    {"Effect": "Allow", "Principal": {"AWS": [me.partner]},
     "Action": ["ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]},
]
text = json.dumps({"Version": "2008-10-17", "Statement": statements})
ecr.set_repository_policy(repositoryName=me.repository, policyText=text)
"""


def another_way(s: Stage) -> None:
    """Works with the AWS CLI and skopeo, in OCI media types, writes the policy in other words."""
    notebook = s.solved()
    others = {"create": AWS_CREATE, "push-releases": SKOPEO, "policy": PLAIN_POLICY}
    for cell in notebook.cells:
        cell.source = others.get(cell.id, cell.source)
        if cell.id == "overwrite":
            cell.source = (
                "!aws ecr get-login-password | docker login --username AWS --password-stdin {ECR}\n" + cell.source
            )
    s.run(notebook)
    s.submit()


STUDENTS = [
    Scripted("ada", "does everything with boto3 and docker", perfect, passes="all"),
    Scripted("ben", "does what is core", half, passes=("repository", "releases", "refused", "agree")),
    Scripted(
        "cem",
        "hands in ada's work under an own name",
        copied,
        says={"": "ada"},
        after=("ada",),
    ),
    Scripted("fay", "runs the notebook as it came", nothing),
    Scripted(
        "hana",
        "makes three classic mistakes",
        classic_mistakes,
        passes=("scanning", "releases", "refused", "agree", "policy-grants"),
        says={"repository": "No tag can move", "names": "11 digits", "policy-limits": "the role ci-role"},
    ),
    Scripted("jun", "takes another way: the AWS CLI, skopeo, OCI media types", another_way, passes="all"),
]
