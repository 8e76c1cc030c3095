"""From a head's outputs to results: labels, entities, answers and filled masks, with their places in the text."""
