"""Lab 06's data: regions and accounts, what a push and a pull ask for, and who must not come in."""

from __future__ import annotations

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
# Every other action on a repository, an image or its layers:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
OTHER_ACTIONS = (
    "ecr:BatchDeleteImage",
    "ecr:BatchImportUpstreamImage",
    "ecr:DeleteLifecyclePolicy",
    "ecr:DeleteRepository",
    "ecr:DeleteRepositoryPolicy",
    "ecr:DescribeImageScanFindings",
    "ecr:DescribeImages",
    "ecr:DescribeRepositories",
    "ecr:GetLifecyclePolicy",
    "ecr:GetLifecyclePolicyPreview",
    "ecr:GetRepositoryPolicy",
    "ecr:ListImages",
    "ecr:ListTagsForResource",
    "ecr:PutImageScanningConfiguration",
    "ecr:PutImageTagMutability",
    "ecr:PutLifecyclePolicy",
    "ecr:ReplicateImage",
    "ecr:SetRepositoryPolicy",
    "ecr:StartImageScan",
    "ecr:StartLifecyclePolicyPreview",
    "ecr:TagResource",
    "ecr:UntagResource",
)
# Two sessions of the role: each run of a pipeline is one, and the next has another name.
CI, NEXT_CI = (f"arn:aws:sts::{ACCOUNT}:assumed-role/ci-role/{session}" for session in ("build", "the-next-build"))
PULLER = f"arn:aws:iam::{PARTNER}:user/partner"
# Nobody of these was asked in: two of your own account, two of others.
STRANGERS = {
    "another role of your account": f"arn:aws:sts::{ACCOUNT}:assumed-role/notebook-role/session",
    "the user reader of your account": f"arn:aws:iam::{ACCOUNT}:user/reader",
    "an account that nobody mentioned": "arn:aws:iam::444455556666:user/someone",
    "another service of AWS": "codebuild.amazonaws.com",
}
