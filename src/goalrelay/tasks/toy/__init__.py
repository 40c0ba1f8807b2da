"""Toy tasks: fast enough for tests, but a faulty learner fails them."""
