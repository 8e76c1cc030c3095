"""One small encoder for each option of the config, and one layer as wide as each preset: what parity is tested on."""

from __future__ import annotations

from dataclasses import replace

from random_models import tiny_config

from squeezebert.config import ACTIVATIONS, PRESETS, EncoderConfig

WIDE = {name: replace(PRESETS[name], vocab_size=100, num_hidden_layers=1) for name in ("base", "small", "minilm-l6")}
OPTIONS: dict[str, EncoderConfig] = {
    **{act: tiny_config(hidden_act=act) for act in ACTIVATIONS},
    "dense": tiny_config(groups=1),
    "one channel a group": tiny_config(groups=24, intermediate_size=24),
    "all groups differ": tiny_config(
        q_groups=1, k_groups=2, v_groups=3, post_attention_groups=4, intermediate_groups=6, output_groups=8
    ),
    "kernel 3": tiny_config(conv_kernel=3),
    "kernel 5": tiny_config(conv_kernel=5),
    "kernel above the length": tiny_config(conv_kernel=15),
    "rank 1": tiny_config(attention="low_rank", attention_rank=1),
    "rank 6": tiny_config(attention="low_rank", attention_rank=6),
    "rank 40": tiny_config(attention="low_rank", attention_rank=40),
    "narrow embeddings": tiny_config(embedding_size=5),
    "odd sizes": tiny_config(groups=7, embedding_size=33, hidden_size=35, num_attention_heads=5, intermediate_size=49),
    "one head": tiny_config(num_attention_heads=1),
    "heads of one channel": tiny_config(num_attention_heads=24),
    "pruned heads": tiny_config(num_attention_heads=2, attention_head_size=8),
    "pruned to one channel": tiny_config(num_attention_heads=2, attention_head_size=1),
    "more heads than channels": tiny_config(num_attention_heads=2, attention_head_size=20),
    "no layers": tiny_config(num_hidden_layers=0),
    "large epsilon": tiny_config(layer_norm_eps=0.5),
    "relu pooler": tiny_config(pooler_act="relu"),
    "pooler of the mean": tiny_config(classifier_pooling="mean"),
    "one token type": tiny_config(type_vocab_size=1),
    "everything": tiny_config(
        attention="low_rank",
        attention_rank=7,
        attention_head_size=10,
        conv_kernel=3,
        embedding_size=11,
        hidden_act="gelu_new",
        pooler_act="relu",
    ),
}
