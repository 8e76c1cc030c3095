"""Text to tokens: the tokenizer, windows over long texts, and batches without padding."""
