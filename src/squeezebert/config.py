"""EncoderConfig: the only home of the architecture's numbers (Iandola et al. 2020, section 3; arXiv 2006.11316)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from squeezebert.errors import ConfigError

ACTIVATIONS = ("gelu", "gelu_new", "relu", "tanh")
ATTENTIONS = ("full", "low_rank")
POOLER_ACTIVATIONS = ("tanh", "relu")
CLASSIFIER_POOLINGS = ("cls", "mean")
ATTENTION_GROUPS = ("q_groups", "k_groups", "v_groups", "post_attention_groups")
WIDE_GROUPS = ("intermediate_groups", "output_groups")
GROUP_FIELDS = (*ATTENTION_GROUPS, *WIDE_GROUPS)
MAY_BE_ZERO = ("attention_rank", "num_hidden_layers", "attention_head_size")
KEPT_TOKENS = 2  # times the attention rank: texts of up to so many tokens have full attention, which costs them less
MAX_SIZE = 2**24  # one dimension of one tensor; larger numbers come from damaged or hostile files


@dataclass(frozen=True)
class EncoderConfig:
    """The numbers of one encoder. Groups of 1 everywhere make it BERT; groups of 4 make it SqueezeBERT.

    ``conv_kernel`` k > 1 puts a depthwise convolution over k neighbouring tokens before each grouped pointwise layer.
    ``attention="low_rank"`` projects keys and values along the sequence to ``attention_rank`` rows
    (Wang et al. 2020, arXiv 2006.04768, section 4), of texts longer than ``KEPT_TOKENS`` times the rank.
    ``pooler_act`` is "relu" for DistilBERT's ``pre_classifier``.
    ``classifier_pooling`` is what the pooler reads: the first token as in BERT, or the mean of all tokens.
    ``attention_head_size`` is what pruned attention has for D; 0 is BERT's, hidden_size / num_attention_heads.

    Raises:
        ConfigError: a value is out of range, or two values contradict each other.

    >>> EncoderConfig(hidden_size=384, embedding_size=384, intermediate_size=1536).head_size
    32
    """

    vocab_size: int = 30522
    embedding_size: int = 768
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    q_groups: int = 4
    k_groups: int = 4
    v_groups: int = 4
    post_attention_groups: int = 1
    intermediate_groups: int = 4
    output_groups: int = 4
    conv_kernel: int = 1
    attention: str = "full"
    attention_rank: int = 0
    pooler_act: str = "tanh"
    classifier_pooling: str = "cls"
    attention_head_size: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_type(field.name, getattr(self, field.name), type(field.default))
        _check_one_of("hidden_act", self.hidden_act, ACTIVATIONS)
        _check_one_of("attention", self.attention, ATTENTIONS)
        _check_one_of("pooler_act", self.pooler_act, POOLER_ACTIVATIONS)
        _check_one_of("classifier_pooling", self.classifier_pooling, CLASSIFIER_POOLINGS)
        _check_sizes(self)
        if not self.attention_head_size:
            _check_divides("hidden_size", self.hidden_size, "num_attention_heads", self.num_attention_heads)
        for name in GROUP_FIELDS:
            _check_groups(self, name)
        _check_attention(self)

    @property
    def head_size(self) -> int:
        """Channels of one attention head, D; unless the attention was pruned, C / H."""
        return self.attention_head_size or self.hidden_size // self.num_attention_heads

    @property
    def attention_size(self) -> int:
        """Channels of query, key and value, all heads together, H * D; unless the attention was pruned, C."""
        return self.num_attention_heads * self.head_size

    def with_groups(self, groups: int) -> EncoderConfig:
        """The same architecture with every group count set to ``groups``; 1 is plain BERT."""
        return replace(self, **dict.fromkeys(GROUP_FIELDS, groups))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EncoderConfig:
        """A config from its own field names; unknown names raise ConfigError."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(
                f"unknown config fields {', '.join(unknown)}; the known ones are {', '.join(sorted(known))}"
            )
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Every field by name."""
        return asdict(self)


def _check_type(name: str, value: object, wanted: type) -> None:
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise ConfigError(f"{name}={value!r} is not {wanted.__name__}; give a value such as {_example(wanted)}")


def _example(wanted: type) -> str:
    return {int: "768", float: "1e-12", str: "'gelu'"}[wanted]


def _check_one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{name}={value!r} is not known; choose one of {', '.join(choices)}")


def _check_sizes(config: EncoderConfig) -> None:
    for field in fields(config):
        value = getattr(config, field.name)
        lowest = 0 if field.name in MAY_BE_ZERO else 1
        if isinstance(value, int) and not lowest <= value <= MAX_SIZE:
            raise ConfigError(f"{field.name}={value} is out of range; choose {lowest} to {MAX_SIZE}")
    if not 0.0 < config.layer_norm_eps < 1.0:
        raise ConfigError(f"layer_norm_eps={config.layer_norm_eps} is out of range; choose between 0 and 1, e.g. 1e-12")
    if config.embedding_size > config.hidden_size:
        raise ConfigError(
            f"embedding_size={config.embedding_size} is above hidden_size={config.hidden_size}; "
            "choose at most hidden_size"
        )
    if config.conv_kernel % 2 == 0:
        raise ConfigError(f"conv_kernel={config.conv_kernel} is even; choose an odd width such as 1, 3 or 5")


def _check_divides(name: str, value: int, by_name: str, by: int) -> None:
    if value % by:
        near = ", ".join(str(d) for d in _divisors(value)[:12])
        raise ConfigError(f"{name}={value} does not divide by {by_name}={by}; choose {by_name} among {near}")


def _divisors(value: int) -> list[int]:
    return [d for d in range(1, min(value, 4096) + 1) if value % d == 0]


def _check_groups(config: EncoderConfig, name: str) -> None:
    groups = getattr(config, name)
    _check_divides("hidden_size", config.hidden_size, name, groups)
    if name in WIDE_GROUPS:
        _check_divides("intermediate_size", config.intermediate_size, name, groups)
    elif config.attention_head_size:
        _check_divides("num_attention_heads * attention_head_size", config.attention_size, name, groups)


def _check_attention(config: EncoderConfig) -> None:
    rank, longest = config.attention_rank, config.max_position_embeddings
    if config.attention == "full" and rank:
        raise ConfigError(f"attention_rank={rank} needs attention='low_rank'; set it, or set attention_rank=0")
    if config.attention == "low_rank" and not 1 <= rank <= longest:
        raise ConfigError(f"attention_rank={rank} is out of range; choose 1 to max_position_embeddings={longest}")


_MINILM = EncoderConfig(
    embedding_size=384, hidden_size=384, intermediate_size=1536, num_hidden_layers=6, num_attention_heads=12
).with_groups(1)

_MINI = replace(_MINILM.with_groups(4), post_attention_groups=1)

PRESETS: dict[str, EncoderConfig] = {
    "base": EncoderConfig(),
    "small": replace(_MINILM.with_groups(2), post_attention_groups=1),
    "mini": _MINI,
    "bert-base": EncoderConfig().with_groups(1),
    "minilm-l6": _MINILM,
}
