"""What a GitHub workflow or a GitLab pipeline would do in a run, told from its data alone: nothing is executed.

``shell`` reads scripts, ``tools`` says what a command does, ``state`` keeps what a job has (a daemon, logins, images,
files), ``github`` and ``gitlab`` go through the jobs of a run. What they cannot tell stands between ``⟨`` and ``⟩``.
"""
