"""Small models with random weights, over every option of the config: what the tests draw from.

The shapes are written out here a second time, apart from the code under test, so that the two check each other.
The weights keep every layer's outputs near 1 in size: smaller ones (transformers starts at 0.02) would let almost
any mistake pass a tolerance of 2e-5. They are uniform: a normal distribution has outliers, and where a group is one
channel wide these amplify rounding errors, in every implementation alike.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from squeezebert.config import ACTIVATIONS, GROUP_FIELDS, EncoderConfig
from squeezebert.tasks import Head

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.text.batch import Batch

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
DEFAULT_LABELS = {
    "classification": ("bad", "fair", "good"),
    "multi_label": ("hot", "wet", "windy", "dark"),
    "regression": ("score",),
    "token_classification": ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"),
}

NO_HEAD = Head()
WIDE_GROUPS = ("intermediate_groups", "output_groups")  # these divide both hidden and intermediate size

Shapes = dict[str, tuple[int, ...]]


def head_of(kind: str) -> Head:
    """A head of that kind with a few labels where the kind has labels."""
    return Head(kind=kind, labels=DEFAULT_LABELS.get(kind, ()))


def tiny_config(*, groups: int = 2, **changes: Any) -> EncoderConfig:
    """A two-layer encoder, 24 channels wide, with as many groups everywhere; ``changes`` replace any field."""
    fields: dict[str, Any] = {
        "vocab_size": 80,
        "embedding_size": changes.get("hidden_size", 24),
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 48,
        "max_position_embeddings": 40,
        **dict.fromkeys(GROUP_FIELDS, groups),
    }
    return EncoderConfig(**{**fields, **changes})


def random_tensors(
    config: EncoderConfig, head: Head = NO_HEAD, seed: int = 0, tied: bool = True
) -> dict[str, np.ndarray]:
    """Every tensor of the model in float32 under its canonical name; ``tied=False`` gives masked LM its own decoder."""
    rng = np.random.default_rng(seed)
    return {name: _draw(rng, name, shape) for name, shape in expected_shapes(config, head, tied).items()}


def random_artifact(config: EncoderConfig, head: Head = NO_HEAD, seed: int = 0, tied: bool = True) -> Artifact:
    """An artifact in memory: random tensors and a WordPiece tokenizer of at most ``config.vocab_size`` tokens."""
    from squeezebert.artifact import Artifact

    tensors = random_tensors(config, head, seed, tied)
    return Artifact(config=config, tensors=tensors, tokenizer=small_tokenizer(config.vocab_size), head=head)


def with_factors(artifact: Artifact, rank: int = 0, seed: int = 0, share: float = 1.0) -> Artifact:
    """The artifact with random factors in place of its layers' weights, or of a ``share`` of them.

    ``rank`` is that of each group, as far as the layer can have it; 0 draws one for each layer.
    """
    rng, tensors = np.random.default_rng(seed), dict(artifact.tensors)
    for name, (inputs, outputs, groups) in _linears(artifact.config).items():
        highest = min(inputs, outputs) // groups
        chosen = min(rank or int(rng.integers(1, highest + 1)), highest)
        if rng.random() >= share:
            continue
        del tensors[f"{name}.weight"]
        shapes = {"down": (groups * chosen, inputs // groups, 1), "up": (outputs, chosen, 1)}
        tensors |= {f"{name}.{part}": _draw(rng, f"{name}.{part}", shape) for part, shape in shapes.items()}
    return replace(artifact, tensors=tensors)


def _linears(config: EncoderConfig) -> dict[str, tuple[int, int, int]]:
    """inputs, outputs and groups of every linear layer of the encoder's layers."""
    sizes, layers = _linear_sizes(config), range(config.num_hidden_layers)
    return {f"encoder.layers.{layer}.{name}": size for layer in layers for name, size in sizes.items()}


def _linear_sizes(config: EncoderConfig) -> dict[str, tuple[int, int, int]]:
    hidden, wide = config.hidden_size, config.intermediate_size
    heads = config.num_attention_heads * config.attention_head_size or hidden
    return {
        "attention.query": (hidden, heads, config.q_groups),
        "attention.key": (hidden, heads, config.k_groups),
        "attention.value": (hidden, heads, config.v_groups),
        "post_attention.conv1d": (heads, hidden, config.post_attention_groups),
        "intermediate.conv1d": (hidden, wide, config.intermediate_groups),
        "output.conv1d": (wide, hidden, config.output_groups),
    }


def _draw(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    values = rng.uniform(-math.sqrt(3), math.sqrt(3), shape)  # of variance 1
    if "layernorm" in name.lower() and name.endswith(".weight"):
        values = 1.0 + 0.2 * values
    elif "embeddings.weight" in name:
        values = values * 2 / math.sqrt(shape[1])  # masked LM decodes with it: logits near 2 in size
    elif len(shape) == 1:
        values = 0.3 * values
    else:
        values = values / math.sqrt(math.prod(shape[1:]))
    return values.astype(np.float32)


def expected_shapes(config: EncoderConfig, head: Head = NO_HEAD, tied: bool = True) -> Shapes:
    """The canonical tensor names of a model and their shapes."""
    shapes = _embedding_shapes(config)
    for layer in range(config.num_hidden_layers):
        shapes |= {f"encoder.layers.{layer}.{name}": shape for name, shape in _layer_shapes(config).items()}
    return shapes | _head_shapes(config, head, tied)


def _embedding_shapes(config: EncoderConfig) -> Shapes:
    width, hidden = config.embedding_size, config.hidden_size
    shapes: Shapes = {
        "embeddings.word_embeddings.weight": (config.vocab_size, width),
        "embeddings.position_embeddings.weight": (config.max_position_embeddings, width),
        "embeddings.token_type_embeddings.weight": (config.type_vocab_size, width),
        "embeddings.LayerNorm.weight": (hidden,),
        "embeddings.LayerNorm.bias": (hidden,),
    }
    if width < hidden:
        shapes |= {"embeddings.projection.weight": (hidden, width, 1), "embeddings.projection.bias": (hidden,)}
    return shapes


def _layer_shapes(config: EncoderConfig) -> Shapes:
    hidden = config.hidden_size
    shapes: Shapes = {}
    for name, (inputs, outputs, groups) in _linear_sizes(config).items():
        shapes |= {f"{name}.weight": (outputs, inputs // groups, 1), f"{name}.bias": (outputs,)}
        if config.conv_kernel > 1:
            shapes[f"{name}.depthwise.weight"] = (inputs, 1, config.conv_kernel)
    for name in ("post_attention.layernorm", "output.layernorm"):
        shapes |= {f"{name}.weight": (hidden,), f"{name}.bias": (hidden,)}
    if config.attention == "low_rank":
        sides = (config.attention_rank, config.max_position_embeddings)
        shapes |= {f"attention.{side}_projection.weight": sides for side in ("key", "value")}
    return shapes


def _head_shapes(config: EncoderConfig, head: Head, tied: bool) -> Shapes:
    hidden = config.hidden_size
    pooler: Shapes = {"pooler.dense.weight": (hidden, hidden), "pooler.dense.bias": (hidden,)}
    outputs = 1 if head.kind in ("regression", "multiple_choice") else len(head.labels)
    classifier: Shapes = {"classifier.weight": (outputs, hidden), "classifier.bias": (outputs,)}
    if head.kind == "embedding":
        return pooler
    if head.kind == "token_classification":
        return classifier
    if head.kind == "question_answering":
        return {"qa_outputs.weight": (2, hidden), "qa_outputs.bias": (2,)}
    if head.kind == "masked_lm":
        return _masked_lm_shapes(config, tied)
    return pooler | classifier


def _masked_lm_shapes(config: EncoderConfig, tied: bool) -> Shapes:
    width, prefix = config.embedding_size, "cls.predictions"
    shapes: Shapes = {
        f"{prefix}.transform.dense.weight": (width, config.hidden_size),
        f"{prefix}.transform.dense.bias": (width,),
        f"{prefix}.transform.LayerNorm.weight": (width,),
        f"{prefix}.transform.LayerNorm.bias": (width,),
        f"{prefix}.bias": (config.vocab_size,),
    }
    return shapes if tied else shapes | {f"{prefix}.decoder.weight": (config.vocab_size, width)}


def small_tokenizer(vocab_size: int) -> str:
    """The JSON of an uncased WordPiece tokenizer: specials, letters, letter endings, digits, then a few words."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ("the", "of", "and", "paris", "france", "is", "##ing", "##ed", "##s", ".", ",", "?", "!", "'", "-")
    tokens = (*SPECIAL_TOKENS, *letters, *(f"##{letter}" for letter in letters), *"0123456789", *words)[:vocab_size]
    vocab = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens([token for token in SPECIAL_TOKENS if token in vocab])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False)


def _divisors(value: int) -> list[int]:
    return [divisor for divisor in range(1, value + 1) if value % divisor == 0]


@st.composite
def plain_configs(draw: st.DrawFn) -> EncoderConfig:
    """A small BERT: no groups, kernels, ranks or projections.

    Below 4 channels LayerNorm divides by differences of two or three numbers, which makes rounding errors large in
    every implementation alike; those sizes are left out.
    """
    heads = draw(st.sampled_from([1, 2, 3, 4]))
    hidden = heads * draw(st.sampled_from([4, 5, 7, 8, 12, 16, 17, 32, 33]))
    unit = draw(st.sampled_from(_divisors(hidden)))  # so that both widths have a group count in common
    return EncoderConfig(
        vocab_size=draw(st.integers(5, 120)),
        embedding_size=hidden,
        hidden_size=hidden,
        num_hidden_layers=draw(st.sampled_from([2, 1, 3, 0])),
        num_attention_heads=heads,
        intermediate_size=unit * draw(st.integers(1, max(1, 160 // unit))),
        hidden_act=draw(st.sampled_from(ACTIVATIONS)),
        max_position_embeddings=draw(st.sampled_from([16, 33, 7, 40, 2, 1])),
        type_vocab_size=draw(st.integers(1, 3)),
        layer_norm_eps=draw(st.sampled_from([1e-12, 1e-5, 1e-2])),
        **dict.fromkeys(GROUP_FIELDS, 1),
    )


@st.composite
def grouped_configs(draw: st.DrawFn) -> EncoderConfig:
    """A small SqueezeBERT as transformers has it: any group counts that divide, nothing else beyond BERT."""
    config = draw(plain_configs())
    square = st.sampled_from(_divisors(config.hidden_size))
    shared = st.sampled_from(_divisors(math.gcd(config.hidden_size, config.intermediate_size)))
    return replace(config, **{name: draw(shared if name in WIDE_GROUPS else square) for name in GROUP_FIELDS})


@st.composite
def configs(draw: st.DrawFn) -> EncoderConfig:
    """A small encoder over every option that there is."""
    config = draw(grouped_configs())
    low_rank = draw(st.booleans())
    unit = math.lcm(config.q_groups, config.k_groups, config.v_groups, config.post_attention_groups)
    few = unit // math.gcd(unit, config.num_attention_heads)  # the smallest head that these groups divide
    sizes = [0, *(few * times for times in (1, 2, 3) if few * times * config.num_attention_heads <= 192)]
    return replace(
        config,
        attention_head_size=draw(st.sampled_from(sizes)),
        embedding_size=draw(st.sampled_from([config.hidden_size, config.hidden_size - 1, 4])),
        conv_kernel=draw(st.sampled_from([1, 1, 3, 5])),
        attention="low_rank" if low_rank else "full",
        attention_rank=draw(st.integers(1, config.max_position_embeddings)) if low_rank else 0,
        pooler_act=draw(st.sampled_from(["tanh", "relu"])),
        classifier_pooling=draw(st.sampled_from(["cls", "mean"])),
    )


def random_batch(config: EncoderConfig, lengths: Sequence[int], seed: int = 0) -> Batch:
    """Packed sequences of these lengths with random ids and types."""
    from squeezebert.text.batch import Batch

    rng, total = np.random.default_rng(seed), sum(lengths)
    return Batch(
        ids=rng.integers(0, config.vocab_size, total, dtype=np.int32),
        types=rng.integers(0, config.type_vocab_size, total, dtype=np.int32),
        cu_seqlens=np.cumsum([0, *lengths], dtype=np.int32),
        order=np.arange(len(lengths), dtype=np.int64),
    )


def pick(batch: Batch, order: Sequence[int]) -> Batch:
    """A batch of these sequences of ``batch``, in this order."""
    from squeezebert.text.batch import Batch

    spans = [slice(batch.cu_seqlens[index], batch.cu_seqlens[index + 1]) for index in order]
    lengths = [span.stop - span.start for span in spans]
    return Batch(
        ids=np.concatenate([batch.ids[span] for span in spans]),
        types=np.concatenate([batch.types[span] for span in spans]),
        cu_seqlens=np.cumsum([0, *lengths], dtype=np.int32),
        order=np.asarray(order, dtype=np.int64),
    )


def lengths_of(config: EncoderConfig, batch_size: int = 4) -> st.SearchStrategy[list[int]]:
    """Up to ``batch_size`` lengths, 1 to the longest that the config allows."""
    return st.lists(st.integers(1, config.max_position_embeddings), min_size=1, max_size=batch_size)
