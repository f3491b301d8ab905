"""The engine, the images, and starting and stopping what a lab talks to."""
