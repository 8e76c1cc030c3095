"""Our count of operations against the one that torch makes while the network runs: equal, for every option."""

from __future__ import annotations

from dataclasses import replace

import pytest
import random_models
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from squeezebert.config import GROUP_FIELDS
from squeezebert.flops import encoder_flops

torch = pytest.importorskip("torch", reason="run: pip install 'squeezebert[train]'")


@settings(max_examples=20)
@given(random_models.configs(), st.data())
def test_torch_counts_the_same(config, data):
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    from squeezebert.nn import SqueezeBert

    # With one channel a group torch multiplies element by element, which its counter does not count.
    assume(config.intermediate_size // config.output_groups > 1)
    alone = {name: 1 for name in GROUP_FIELDS if config.hidden_size // getattr(config, name) == 1}
    config = replace(config, **alone)
    length = data.draw(st.integers(1, config.max_position_embeddings))
    network = SqueezeBert(config).eval()
    # Only the plain form of attention is made of products that torch's counter knows.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        network(torch.zeros(1, length, dtype=torch.long))
    assert counter.get_total_flops() == encoder_flops(config, length)
