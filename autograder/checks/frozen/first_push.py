"""What lab 01-first-push drew in version 0.1.0; see the package."""

from __future__ import annotations

from typing import Any

from autograder.checks.frozen.words import BIRDS
from autograder.checks.shared.seeded_random import SeededRandom

FIELDS = ("runner_up", "second_queue", "next_best", "alternative")
GREETINGS = ("Good morning", "Good evening", "Greetings", "Hello there", "Kind regards", "Welcome", "With best wishes")
# Message -> queue, score, runner-up.
PREDICTIONS: dict[str, tuple[str, float, str]] = {
    "My parcel has been on its way for two weeks.": ("delivery", 0.6127, "account"),
    "The driver left the box in the rain.": ("delivery", 0.5983, "returns"),
    "I paid twice for the same order.": ("billing", 0.3501, "delivery"),
    "The invoice has the wrong company name on it.": ("billing", 0.5689, "returns"),
    "I cannot sign in since I changed my phone.": ("account", 0.2959, "delivery"),
    "Please close my account and delete my data.": ("account", 0.6224, "delivery"),
    "The lamp arrived broken and I want a new one.": ("returns", 0.3356, "delivery"),
    "How do I send back shoes that do not fit?": ("returns", 0.4065, "sales"),
    "Does the jacket come in a bigger size?": ("sales", 0.1031, "returns"),
    "Which coffee grinder do you recommend for an office?": ("sales", 0.1263, "billing"),
    "The app crashes when I open the basket.": ("technical", 0.6376, "billing"),
    "The checkout page shows an error and I cannot pay.": ("technical", 0.6076, "account"),
    "My voucher was not accepted at the checkout.": ("billing", 0.1406, "account"),
    "The tracking number you sent me does not work.": ("returns", 0.0864, "delivery"),
    "I never got the mail with the reset link.": ("account", 0.5887, "technical"),
    "Is the backpack available again before summer?": ("sales", 0.5166, "account"),
    "The refund for my order has not arrived.": ("delivery", 0.2178, "billing"),
    "Your website does not load on my tablet.": ("technical", 0.4653, "sales"),
    "Can the courier come in the evening?": ("delivery", 0.4856, "sales"),
    "I was charged for an order that I cancelled.": ("billing", 0.517, "delivery"),
}


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team, its repositories, two releases, the new field, a message to route and a greeting."""
    team = f"{draw.choice('bird', BIRDS)}-{draw.hex('team', 4)}"
    major, minor = draw.integer("major", 1, 4), draw.integer("minor", 0, 8)
    return {
        "team": team,
        "repository": f"{team}/ml-model",
        "v1": f"{major}.{minor}.0",
        "v2": f"{major}.{minor + 1}.0",
        "field": draw.choice("field", FIELDS),
        "message": draw.choice("message", sorted(PREDICTIONS)),
        "container": f"{team}-server",
        "hello": f"{team}/hello",
        "hello_tag": f"{draw.integer('hello', 1, 9)}",
        "greeting": f"{draw.choice('greeting', GREETINGS)} from team {team}",
    }
