"""Lab 01's data: what is drawn from, and what the model answers (a test computes every row from the weights again)."""

from __future__ import annotations

BIRDS = (
    "avocet", "bittern", "curlew", "dipper", "dunlin", "egret", "fulmar", "gannet", "godwit", "heron", "ibis",
    "jackdaw", "kestrel", "kittiwake", "lapwing", "merlin", "nuthatch", "osprey", "petrel", "plover", "redshank",
    "siskin", "tern", "whimbrel",
)  # fmt: skip
FIELDS = ("runner_up", "second_queue", "next_best", "alternative")
GREETINGS = ("Good morning", "Good evening", "Greetings", "Hello there", "Kind regards", "Welcome", "With best wishes")
DEFAULT_GREETING = "Hello from an image that holds one file."  # docker/hello/greeting.txt

# Bytes of a layer that holds the weights: 8 MiB that no compression makes smaller, and whatever else is beside them.
# No layer of python:3.11-slim-bookworm is of that size.
WEIGHTS_LAYER = (8_000_000, 12_000_000)

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
