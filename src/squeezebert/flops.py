"""What a model costs to run: floating-point operations, and where its parameters are.

Counted: the products of the network, a multiplication and an addition as one operation each, for S tokens of one text.

=====================  =========================================================================================
position-wise layer    S * 2 * I * O / G        I channels in, O out, G groups: query, key, value, post-attention,
                                                intermediate, output; the embedding projection; G = 1 in the last
in two factors         S * 2 * r * (I + O)      r the rank of each group
depthwise convolution  S * 2 * k * I            before each of the six, when conv_kernel k > 1
full attention         2 * 2 * S * S * A        queries by keys, probabilities by values
low-rank attention     2 * 2 * S * R * A        the same over R rows, and the same again to make the R rows; a text of
                                                at most 2 R tokens has full attention
=====================  =========================================================================================

A is C, or what is left of it where heads were pruned. Not counted: pooler and head, biases, residuals, LayerNorm,
softmax, activations, table look-ups. They make up about 0.3 percent of SqueezeBERT: this count is 7.40 GFLOP at 128
tokens where Iandola et al. 2020 (arXiv 2006.11316, table 2) give 7.42.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

from squeezebert.config import KEPT_TOKENS, EncoderConfig

Shapes = Mapping[str, tuple[int, ...]]
FLOPS_LENGTH = 128  # tokens; the length at which papers give FLOPs


def token_flops(config: EncoderConfig, shapes: Shapes | None = None) -> int:
    """Operations for one token in the layers that treat each token alone, whatever the length of its text.

    ``shapes`` are those of a model's own tensors by name, where layers may be kept in factors; None takes whole ones.

    >>> token_flops(EncoderConfig())
    53084160
    """
    if shapes is not None:
        return sum(2 * prod(shape) for name, shape in shapes.items() if _is_per_token(name, shape))
    hidden, inner, heads = config.hidden_size, config.intermediate_size, config.attention_size
    layers = [(hidden, heads, groups) for groups in (config.q_groups, config.k_groups, config.v_groups)]
    layers += [(heads, hidden, config.post_attention_groups)]
    layers += [(hidden, inner, config.intermediate_groups), (inner, hidden, config.output_groups)]
    one_layer = sum(2 * i * o // groups for i, o, groups in layers)
    if config.conv_kernel > 1:
        one_layer += sum(2 * config.conv_kernel * i for i, _, _ in layers)
    projection = 2 * config.embedding_size * hidden if config.embedding_size < hidden else 0
    return projection + config.num_hidden_layers * one_layer


def _is_per_token(name: str, shape: tuple[int, ...]) -> bool:
    """Whether a tensor is multiplied with every token: of those, and only of those, the encoder has three axes."""
    return len(shape) == 3 and name.startswith(("encoder.", "embeddings."))


def attention_flops(config: EncoderConfig, length: int) -> int:
    """Operations for the attention of one text of ``length`` tokens, over all layers."""
    full = config.attention == "full" or length <= KEPT_TOKENS * config.attention_rank
    pairs = length * length if full else 2 * length * config.attention_rank
    return config.num_hidden_layers * 4 * pairs * config.attention_size


def encoder_flops(config: EncoderConfig, length: int, shapes: Shapes | None = None) -> int:
    """Operations for one text of ``length`` tokens, from ids to hidden states; no pooler and no head.

    ``shapes`` as in `token_flops`.

    >>> f"{encoder_flops(EncoderConfig(), 128) / 1e9:.2f}"
    '7.40'
    """
    return length * token_flops(config, shapes) + attention_flops(config, length)


PARTS = ("embeddings", "attention", "feed-forward", "normalization", "pooler", "head")


def parameters_by_part(shapes: Iterable[tuple[str, tuple[int, ...]]]) -> dict[str, int]:
    """How many parameters each part holds, given the name and shape of every tensor; absent parts are 0."""
    counts: dict[str, int] = dict.fromkeys(PARTS, 0)
    for name, shape in shapes:
        counts[part_of(name)] += prod(shape)
    return counts


def part_of(name: str) -> str:
    """Which of ``PARTS`` a tensor of that canonical name belongs to; the embeddings keep their own LayerNorm."""
    if name.startswith("embeddings."):
        return "embeddings"
    if not name.startswith("encoder."):
        return "pooler" if name.startswith("pooler.") else "head"
    if ".layernorm." in name:
        return "normalization"
    return "attention" if "attention." in name else "feed-forward"
