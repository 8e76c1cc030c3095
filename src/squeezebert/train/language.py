"""What pretraining trains: a masked language model that also learns the order of two segments.

Masked LM: Devlin et al. 2018 (arXiv 1810.04805), section 3.1. Sentence order: Lan et al. 2019 (arXiv 1909.11942),
section 3.1; its classifier of two classes reads the pooler. The losses are added.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from squeezebert.artifact import Artifact
from squeezebert.config import EncoderConfig
from squeezebert.nn import Dropouts, MaskedLM, SqueezeBert, Trace, from_artifact, pad, torch
from squeezebert.nn.encoder import Pooler
from squeezebert.nn.layers import INITIAL_STD
from squeezebert.train.batching import epoch_batches
from squeezebert.train.masking import Vocabulary, mask_tokens
from squeezebert.train.packing import NO_PAIR, Blocks, PairFrame, cut_short, sequences
from squeezebert.train.recipes import Masking

MEASURING_SEED = 20_200_619  # of the masks there: the same in each evaluation

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Reading:
    """How blocks of text become what the network sees; ``order`` cuts them in two and swaps some."""

    frame: PairFrame
    vocabulary: Vocabulary
    masking: Masking
    order: bool

    @classmethod
    def of(cls, tokenizer: str, config: EncoderConfig, masking: Masking, order: bool) -> Reading:
        """With the special tokens of a tokenizer.json, and as many types as the encoder knows."""
        frame = PairFrame.of(tokenizer)
        types = tuple(min(own, config.type_vocab_size - 1) for own in frame.types)
        return cls(replace(frame, types=types), Vocabulary.of(tokenizer), masking, order)


@dataclass(frozen=True, eq=False)
class BlockExamples:
    """Blocks of a corpus, masked anew whenever they are seen."""

    blocks: Blocks
    reading: Reading

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each with its special tokens, int64 [N]."""
        return self.blocks.lengths + self.reading.frame.size

    def collate(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        """``ids``, ``types``, ``mask`` [B, S]; ``guessed`` bool [B, S] and its ``targets`` [N]; ``orders`` [B]."""
        reading = self.reading
        found = sequences(self.blocks, rows, reading.frame, rng if reading.order else None)
        masking, vocabulary, following = reading.masking, reading.vocabulary, None
        if masking.next_words:
            found, following = cut_short(found, reading.frame, masking.next_words, rng)
            following &= ~vocabulary.special[found.ids]
        seen, guessed = mask_tokens(found.ids, found.cu_seqlens, vocabulary, masking, rng)
        if following is not None:
            seen[following], guessed = vocabulary.mask, guessed | following
        ids, types, mask = pad(seen, found.types, found.cu_seqlens)
        places = torch.zeros_like(mask)
        places[mask] = torch.from_numpy(guessed)
        targets, orders = torch.from_numpy(found.ids[guessed]), torch.from_numpy(found.orders)
        return {"ids": ids, "types": types, "mask": mask, "guessed": places, "targets": targets, "orders": orders}


class Pretraining(torch.nn.Module):
    """The loss of a batch of BlockExamples, and its parts; without ``order`` that of masked LM alone.

    The classifier of the order stays in the run: an artifact has no place for it, and it is soon learned again.
    """

    def __init__(self, network: MaskedLM, order: bool = True) -> None:
        super().__init__()
        self.network = network
        self.order = torch.nn.Linear(network.transformer.channels, 2) if order else None
        if self.order is not None:
            torch.nn.init.normal_(self.order.weight, std=INITIAL_STD)
            torch.nn.init.zeros_(self.order.bias)

    def forward(self, batch: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        logits, orders = self.logits(batch)
        loss = mlm = mean_loss(logits, batch["targets"])
        if orders is None:
            return loss, {}
        order = mean_loss(orders, batch["orders"])
        return loss + order, {"mlm": mlm.detach(), "order": order.detach()}

    def logits(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(over the vocabulary [N, V] of the tokens to guess, over the two orders [B, 2]), in float32."""
        trace = Trace()
        logits = self.network(batch["ids"], batch["types"], batch["mask"], trace, batch["guessed"]).float()
        pooler = self.network.transformer.pooler
        if self.order is None or pooler is None:
            return logits, None
        return logits, self.order(pooler(trace.hidden[-1], batch["mask"])).float()


def mean_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean cross entropy over targets [N] that are not NO_PAIR; 0 where there are none."""
    total = torch.nn.functional.cross_entropy(logits, targets, ignore_index=NO_PAIR, reduction="sum")
    return total / (targets != NO_PAIR).sum().clamp(min=1)


def fresh(config: EncoderConfig, order: bool, dropout: float, seed: int) -> Pretraining:
    """A network with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        transformer = SqueezeBert(config, pooler=order, dropouts=Dropouts(dropout, dropout))
        return Pretraining(MaskedLM(transformer, config.hidden_act, config.layer_norm_eps), order)


def continued(artifact: Artifact, order: bool, dropout: float, seed: int) -> Pretraining:
    """The network of an artifact, under a new prediction head tied to its words where it has none, and a new pooler
    where sentence order needs one and there is none."""
    config = artifact.config
    network = from_artifact(artifact, Dropouts(dropout, dropout))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if not isinstance(network, MaskedLM):
            network = MaskedLM(network.transformer, config.hidden_act, config.layer_norm_eps)
        if order and network.transformer.pooler is None:
            network.transformer.pooler = Pooler(config.hidden_size, config.pooler_act, config.classifier_pooling)
        return Pretraining(network, order)


@torch.no_grad()
def expect_frequencies(network: MaskedLM, counts: np.ndarray) -> None:
    """Sets the bias of a new prediction head so that it begins with how often each token occurs, ``counts`` int [V],
    and need not learn that first."""
    bias = network.get_parameter("cls.predictions.bias")
    shares = (counts + 1.0) / (counts.sum() + len(counts))
    bias.copy_(torch.from_numpy(np.log(shares)).to(bias.dtype))


@torch.no_grad()
def measure(objective: Pretraining, examples: BlockExamples, batch_tokens: int, most: int) -> dict[str, float]:
    """How well masked tokens are guessed on text that was set aside: ``likelihood`` (the mean log-likelihood of a
    token, which decides), ``perplexity`` (e to minus that) and ``accuracy``; and the accuracy of the ``order``.

    The same part of the text, of ``most`` tokens, and the same masks in every call.
    """
    device = next(objective.parameters()).device
    rng = np.random.default_rng(MEASURING_SEED)
    chosen = rng.permutation(len(examples.lengths))
    chosen = chosen[: max(1, int(np.searchsorted(np.cumsum(examples.lengths[chosen]), most)))]
    seen = {"right": 0.0, "loss": 0.0, "tokens": 0.0, "told": 0.0, "pairs": 0.0}
    for rows in epoch_batches(examples.lengths[chosen], batch_tokens, rng):
        batch = {name: values.to(device) for name, values in examples.collate(chosen[rows], rng).items()}
        for name, value in _counts(objective, batch).items():
            seen[name] += value
    tokens, pairs = max(1.0, seen["tokens"]), seen["pairs"]
    loss = seen["loss"] / tokens
    figures = {"likelihood": -loss, "perplexity": math.exp(min(loss, 100.0)), "accuracy": seen["right"] / tokens}
    return figures | ({"order": seen["told"] / pairs} if pairs else {})


def _counts(objective: Pretraining, batch: Batch) -> dict[str, float]:
    logits, orders = objective.logits(batch)
    targets = batch["targets"]
    loss = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    found = {"right": (logits.argmax(-1) == targets).sum(), "loss": loss, "tokens": torch.tensor(len(targets))}
    if orders is not None:
        told = orders.argmax(-1) == batch["orders"]
        found |= {"told": told.sum(), "pairs": (batch["orders"] != NO_PAIR).sum()}
    return {name: float(value) for name, value in found.items()}
