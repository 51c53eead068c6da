"""Models on other people's or one's own servers: any that speaks OpenAI's chat completions protocol."""
