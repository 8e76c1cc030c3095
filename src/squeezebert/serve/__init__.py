"""``squeezebert serve``: models behind HTTP, in the shapes that clients of TEI, OpenAI and Hugging Face speak.

The way of a request: `entry` lets it in, `app` finds its address, `routes` make of it a plan, `service` has the plan
tokenized and queued, `batcher` runs it together with others, in the order that `jobs` says.
"""
