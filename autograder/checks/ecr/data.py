"""Lab 06's data: regions and accounts, what a push and a pull ask for, and who must not come in."""

from __future__ import annotations

from autograder.domain.access_requests import STRANGE_ACCOUNT

# Regions whose registries end in .amazonaws.com: https://docs.aws.amazon.com/general/latest/gr/ecr.html
REGIONS = ("us-east-2", "us-west-2", "eu-central-1", "eu-west-1", "eu-north-1", "ap-southeast-2", "ca-central-1")

ACCOUNT, PARTNER = "123456789012", "210987654321"  # the emulator's own account, and that of its profile other-account
# What docker push and docker pull ask of ECR:
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
)
PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
# Two sessions of the role: each run of a pipeline is one, and the next has another name.
CI, NEXT_CI = (f"arn:aws:sts::{ACCOUNT}:assumed-role/ci-role/{session}" for session in ("build", "the-next-build"))
# The partner's account is all of its users and roles.
PARTNERS = (f"arn:aws:iam::{PARTNER}:user/partner", f"arn:aws:sts::{PARTNER}:assumed-role/deploy/session")
# Nobody of these was asked in: of your own account, and of others.
STRANGERS = {
    "another role of your account": f"arn:aws:sts::{ACCOUNT}:assumed-role/notebook-role/session",
    "a role of your account whose name only begins with ci-role": f"arn:aws:sts::{ACCOUNT}:assumed-role/ci-role-2/run",
    "the user reader of your account": f"arn:aws:iam::{ACCOUNT}:user/reader",
    "an account that nobody mentioned": f"arn:aws:iam::{STRANGE_ACCOUNT}:user/someone",
    "a role ci-role of another account": f"arn:aws:sts::{STRANGE_ACCOUNT}:assumed-role/ci-role/build",
    "another service of AWS": "codebuild.amazonaws.com",
}
