"""The canonical names of an encoder's tensors, and the shapes that a config gives them.

They are the names of Hugging Face's SqueezeBERT without its ``transformer.`` prefix. Each of a layer's six linear
layers may be kept as two factors instead of its weight (see ``factors``); the tensors say so then, and not the config.
V vocabulary, P positions, Y types, E embedding, C hidden, A all heads, F intermediate, G groups, K kernel, R rank,
L labels. A is C unless heads were pruned.
"""

from __future__ import annotations

from collections.abc import Mapping

from squeezebert.artifact.factors import DOWN, UP, WEIGHT
from squeezebert.artifact.tensors import SCALE
from squeezebert.config import EncoderConfig
from squeezebert.errors import ArtifactError
from squeezebert.tasks import Head

Shapes = dict[str, tuple[int, ...]]

POOLER = ("pooler.dense.weight", "pooler.dense.bias")
CLASSIFIER = "classifier.weight"
DECODER = "cls.predictions.decoder.weight"  # present only where it is not tied to the word embeddings
POOLED_KINDS = ("classification", "multi_label", "regression", "multiple_choice")  # their classifier reads the pooler
CLASSIFIER_KINDS = (*POOLED_KINDS, "token_classification")
HEAD_PREFIXES = ("classifier.", "qa_outputs.", "cls.")


def encoder_shapes(config: EncoderConfig) -> Shapes:
    """Names and shapes of the embeddings and of every layer."""
    c, e = config.hidden_size, config.embedding_size
    shapes: Shapes = {
        "embeddings.word_embeddings.weight": (config.vocab_size, e),
        "embeddings.position_embeddings.weight": (config.max_position_embeddings, e),
        "embeddings.token_type_embeddings.weight": (config.type_vocab_size, e),
        **_affine("embeddings.LayerNorm", (c,)),
    }
    if e < c:
        shapes |= _affine("embeddings.projection", (c, e, 1))
    for layer in range(config.num_hidden_layers):
        shapes |= _layer_shapes(config, f"encoder.layers.{layer}.")
    return shapes


def _affine(module: str, weight: tuple[int, ...]) -> Shapes:
    return {f"{module}.weight": weight, f"{module}.bias": weight[:1]}


def linear_layers(config: EncoderConfig) -> dict[str, tuple[int, int, int]]:
    """Every linear layer of the encoder's layers by its full name: (inputs, outputs, groups)."""
    sizes, layers = linear_sizes(config), range(config.num_hidden_layers)
    return {f"encoder.layers.{layer}.{name}": size for layer in layers for name, size in sizes.items()}


def stored_shapes(config: EncoderConfig, seen: Mapping[str, tuple[int, ...]], where: str = "the model") -> Shapes:
    """`encoder_shapes`, but with the shapes of ``X.down`` and ``X.up`` for each X of which ``seen`` has one of them.

    Raises:
        ArtifactError: a rank is below 1 or above that of the whole matrix.
    """
    shapes = encoder_shapes(config)
    for name, (inputs, outputs, groups) in linear_layers(config).items():
        if name + DOWN not in seen and name + UP not in seen:
            continue
        rank, highest = (*seen.get(name + UP, (0, 1)), 0, 0)[1], min(inputs, outputs) // groups
        if not 1 <= rank <= highest:
            raise ArtifactError(
                f"{where}: {name}{UP} has rank {rank}, and a group of that layer can have 1 to {highest}; "
                "factorize the float32 artifact again"
            )
        del shapes[name + WEIGHT]
        shapes |= {name + DOWN: (groups * rank, inputs // groups, 1), name + UP: (outputs, rank, 1)}
    return shapes


def linear_sizes(config: EncoderConfig) -> dict[str, tuple[int, int, int]]:
    """The six linear layers of each encoder layer by name: (inputs, outputs, groups)."""
    c, a, f = config.hidden_size, config.attention_size, config.intermediate_size
    return {
        "attention.query": (c, a, config.q_groups),
        "attention.key": (c, a, config.k_groups),
        "attention.value": (c, a, config.v_groups),
        "post_attention.conv1d": (a, c, config.post_attention_groups),
        "intermediate.conv1d": (c, f, config.intermediate_groups),
        "output.conv1d": (f, c, config.output_groups),
    }


def _layer_shapes(config: EncoderConfig, prefix: str) -> Shapes:
    c = config.hidden_size
    shapes = {**_affine(f"{prefix}post_attention.layernorm", (c,)), **_affine(f"{prefix}output.layernorm", (c,))}
    for name, (inputs, outputs, groups) in linear_sizes(config).items():
        shapes |= _affine(prefix + name, (outputs, inputs // groups, 1))
        if config.conv_kernel > 1:
            shapes[f"{prefix}{name}.depthwise.weight"] = (inputs, 1, config.conv_kernel)
    if config.attention == "low_rank":
        for name in ("key_projection", "value_projection"):
            shapes[f"{prefix}attention.{name}.weight"] = (config.attention_rank, config.max_position_embeddings)
    return shapes


def pooler_shapes(config: EncoderConfig) -> Shapes:
    """Names and shapes of the pooler, which reads the first token."""
    return _affine("pooler.dense", (config.hidden_size, config.hidden_size))


def head_shapes(config: EncoderConfig, kind: str, labels: int) -> Shapes:
    """Names and shapes of the tensors above the encoder, the pooler excluded."""
    c, e = config.hidden_size, config.embedding_size
    if kind in CLASSIFIER_KINDS:
        return _affine("classifier", (1 if kind == "multiple_choice" else labels, c))
    if kind == "question_answering":
        return _affine("qa_outputs", (2, c))
    if kind == "masked_lm":
        transform = "cls.predictions.transform"
        return {
            **_affine(f"{transform}.dense", (e, c)),
            **_affine(f"{transform}.LayerNorm", (e,)),
            "cls.predictions.bias": (config.vocab_size,),
        }
    return {}


def optional_shapes(config: EncoderConfig, kind: str) -> Shapes:
    """What may be there as well: a pooler that the head does not read, a decoder that is not tied."""
    shapes = {} if kind in POOLED_KINDS else pooler_shapes(config)
    if kind == "masked_lm":
        shapes[DECODER] = (config.vocab_size, config.embedding_size)
    return shapes


def check_layout(shapes: Mapping[str, tuple[int, ...]], config: EncoderConfig, head: Head, where: str) -> None:
    """Compares names and shapes with what the config and the head ask for; scales go with the tensor they belong to.

    Raises:
        ArtifactError: tensors are missing, unexpected, or of another shape; the message names the first of them.
    """
    if config.num_hidden_layers > len(shapes):
        # Looked at first: a damaged count must not make us list the names of millions of layers.
        raise ArtifactError(
            f"{where}: config.json says num_hidden_layers={config.num_hidden_layers}, there are {len(shapes)} tensors "
            "in all; take config.json and the weights from the same checkpoint"
        )
    wanted = {**stored_shapes(config, shapes, where), **head_shapes(config, head.kind, _labels(shapes, head))}
    if head.kind in POOLED_KINDS:
        wanted |= pooler_shapes(config)
    allowed = {**wanted, **optional_shapes(config, head.kind)}
    if any(name in shapes for name in POOLER):
        wanted |= pooler_shapes(config)
    scales = {name for name in shapes if name.endswith(SCALE) and name.removesuffix(SCALE) in allowed}
    allowed |= {name: allowed[name.removesuffix(SCALE)][:1] for name in scales}
    _refuse(where, "tensors are missing", sorted(set(wanted) - set(shapes)))
    _refuse(where, f"tensors have no place in a model of kind {head.kind}", sorted(set(shapes) - set(allowed)))
    wrong = [
        f"{name} is {list(shapes[name])}, not {list(allowed[name])}" for name in shapes if shapes[name] != allowed[name]
    ]
    _refuse(where, "shapes contradict the config", wrong)


def _refuse(where: str, what: str, found: list[str]) -> None:
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise ArtifactError(
            f"{where}: {what}: {', '.join(found[:3])}{more}; take config.json and the weights from the same checkpoint"
        )


def _labels(shapes: Mapping[str, tuple[int, ...]], head: Head) -> int:
    """How many outputs a classifier has: as many as there are labels; a regression may leave them unnamed."""
    rows = shapes.get("classifier.weight", (1,))
    return len(head.labels) or (rows[0] if rows else 1)
