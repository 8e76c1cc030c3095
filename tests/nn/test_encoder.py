"""What every encoder must do, whatever its config: padding, probabilities, hooks, epsilon, dropout."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_models import configs, expected_shapes, lengths_of, random_artifact, random_batch, tiny_config

from squeezebert.config import EncoderConfig
from squeezebert.errors import InputError
from squeezebert.nn import Dropouts, SqueezeBert, Trace, from_artifact, pad

OPTIONS = {
    "grouped": tiny_config(),
    "dense": tiny_config(groups=1),
    "depthwise": tiny_config(conv_kernel=5),
    "low rank": tiny_config(attention="low_rank", attention_rank=3),
    "narrow": tiny_config(embedding_size=7),
    "everything": tiny_config(conv_kernel=3, attention="low_rank", attention_rank=3, embedding_size=7),
}


def _encoder(config: EncoderConfig, seed: int = 0) -> SqueezeBert:
    return from_artifact(random_artifact(config, seed=seed)).transformer


def _inputs(config: EncoderConfig, lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    batch = random_batch(config, lengths)
    return pad(batch.ids, batch.types, batch.cu_seqlens)


@given(config=configs())
def test_state_dict_has_the_canonical_names_and_shapes(config: EncoderConfig) -> None:
    found = {name: tuple(weight.shape) for name, weight in SqueezeBert(config).state_dict().items()}
    assert found == expected_shapes(config)


@given(config=configs(), data=st.data())
def test_padding_changes_nothing(config: EncoderConfig, data: st.DataObject) -> None:
    lengths = data.draw(lengths_of(config))
    encoder, (ids, types, mask) = _encoder(config), _inputs(config, lengths)
    together = encoder(ids, types, mask)
    for row, length in enumerate(lengths):
        alone = encoder(ids[row : row + 1, :length], types[row : row + 1, :length])
        torch.testing.assert_close(together[row, :length], alone[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("config", OPTIONS.values(), ids=OPTIONS)
def test_ids_under_the_mask_do_not_matter(config: EncoderConfig) -> None:
    encoder, (ids, types, mask) = _encoder(config), _inputs(config, [9, 4, 1])
    others = torch.where(mask, ids, 5)
    torch.testing.assert_close(encoder(others, types, mask)[mask], encoder(ids, types, mask.int())[mask])


@pytest.mark.parametrize("config", OPTIONS.values(), ids=OPTIONS)
def test_attention_probabilities_are_probabilities(config: EncoderConfig) -> None:
    encoder, (ids, types, mask) = _encoder(config), _inputs(config, [9, 4, 1])
    trace = Trace(probabilities=True)
    traced = encoder(ids, types, mask, trace)
    keys = 4 if config.attention_rank else 9  # a text of 4 tokens keeps them, one of 9 has 3 rows
    assert [tuple(found.shape) for found in trace.attentions] == [(3, 3, 9, keys)] * config.num_hidden_layers
    for found in trace.attentions:
        assert (found >= 0).all()
        torch.testing.assert_close(found.sum(-1), torch.ones(3, 3, 9))
        if not config.attention_rank:
            assert (found.masked_select(~mask[:, None, None]) == 0).all()
    torch.testing.assert_close(traced[mask], encoder(ids, types, mask)[mask], atol=1e-5, rtol=1e-5)


def test_trace_holds_the_hidden_states_before_and_after_every_layer() -> None:
    config, trace = tiny_config(), Trace()
    encoder, (ids, types, _) = _encoder(config), _inputs(config, [9])
    hidden = encoder(ids, types, trace=trace)
    assert len(trace.hidden) == config.num_hidden_layers + 1
    assert not trace.attentions
    torch.testing.assert_close(trace.hidden[0], encoder.embeddings(ids, types))
    torch.testing.assert_close(trace.hidden[1], encoder.encoder.layers[0](trace.hidden[0]))
    assert trace.hidden[-1] is hidden


@pytest.mark.parametrize("config", OPTIONS.values(), ids=OPTIONS)
def test_hooks_fire_on_every_sublayer(config: EncoderConfig) -> None:
    encoder, fired = _encoder(config), set()
    for name, module in encoder.named_modules():
        module.register_forward_hook(lambda *_, name=name: fired.add(name))
    ids, types, mask = _inputs(config, [5, 3])
    assert encoder.pooler is not None
    encoder.pooler(encoder(ids, types, mask))
    assert fired == {name for name, module in encoder.named_modules() if not isinstance(module, torch.nn.ModuleList)}


def test_layer_norm_eps_is_obeyed_everywhere() -> None:
    encoder = SqueezeBert(tiny_config(layer_norm_eps=0.125))
    found = [module.eps for module in encoder.modules() if isinstance(module, torch.nn.LayerNorm)]
    assert found == [0.125] * 5


def test_types_default_to_zeros() -> None:
    config = tiny_config()
    encoder, (ids, types, _) = _encoder(config), _inputs(config, [6])
    assert torch.equal(encoder(ids), encoder(ids, torch.zeros_like(types)))


def test_dropout_acts_in_training_only() -> None:
    config = tiny_config()
    ids, types, _ = _inputs(config, [12])
    for dropouts in (Dropouts(hidden=0.5), Dropouts(attention=0.5)):
        encoder = from_artifact(random_artifact(config), dropouts).transformer
        assert torch.equal(encoder(ids, types), _encoder(config)(ids, types))
        encoder.train()
        assert not torch.allclose(encoder(ids, types), encoder(ids, types))


def test_every_weight_gets_a_gradient() -> None:
    encoder = _encoder(OPTIONS["everything"]).train()
    ids, types, mask = _inputs(OPTIONS["everything"], [8, 5])
    assert encoder.pooler is not None
    hidden = encoder(ids, types, mask)
    (hidden[mask].square().sum() + encoder.pooler(hidden).sum()).backward()
    for name, weight in encoder.named_parameters():
        # In full attention a key's bias adds the same to all scores of a row, so only low-rank attention trains it.
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_fresh_weights_come_from_the_generator_that_torch_was_given() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        first = SqueezeBert(tiny_config())
        torch.manual_seed(7)
        second = SqueezeBert(tiny_config())
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(torch.equal(a, b) and torch.isfinite(a).all() for a, b in pairs)


def test_no_layer_is_an_encoder_of_no_layers() -> None:
    config = replace(tiny_config(), num_hidden_layers=0)
    encoder, (ids, types, _) = _encoder(config), _inputs(config, [6])
    assert torch.equal(encoder(ids, types), encoder.embeddings(ids, types))


def test_too_long_a_sequence_is_refused() -> None:
    with pytest.raises(InputError, match=r"a sequence of 41 tokens is above the encoder's 40; cut it or window it"):
        _encoder(tiny_config())(torch.zeros(1, 41, dtype=torch.int64))
