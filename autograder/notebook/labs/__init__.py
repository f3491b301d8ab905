"""What a lab brings to its notebook beside its checks, in a module named like the lab's package in ``checks``.

It talks to running services, starts processes and shows cards. A check does none of that and must not: so this cannot
lie in ``checks``. The pure part does, and is used from there. Notebooks import it by the names that they were handed
out with (:mod:`autograder.notebook.fleet`, :mod:`autograder.notebook.capstone`).
"""
