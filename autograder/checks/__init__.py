"""One package a lab: its personal parameters and its checks, pure functions of Evidence."""
