"""A container engine as readers have it today, beside the machine's own: the tests' reference.

- ``root``: a Debian tree of a newer suite with the engine and the clients, kept in a cache;
- ``cgroups`` and ``setup``: the namespaces that it runs in;
- ``instance``: up, run a command inside, down;
- ``pythons``: the checkout and its environment, seen inside under the same paths;
- ``run``: pytest inside, and which tests run where.
"""
