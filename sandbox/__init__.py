"""A pretend provider, so that everything can be tried without a key. Imports Django alone.

It speaks OpenAI's and Anthropic's APIs as the real ones do, answers the same for the same input, and
misbehaves on demand: docs/sandbox.md has the words for it.
"""
