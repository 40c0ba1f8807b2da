"""Toy tasks: small enough for a test, hard enough that learning must be right."""
