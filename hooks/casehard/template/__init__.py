"""The template: where it comes from, and how it is rendered without trusting it with code."""
