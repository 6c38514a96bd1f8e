"""The providers that speak OpenAI's words with an accent, a file for each: what they put otherwise."""
