"""Fake quantization on its own: grids, gradients, number formats, and what stays as it was."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from random_models import head_of, random_artifact, random_batch, tiny_config, with_factors
from torch import Tensor

from squeezebert.artifact.int4 import in_float16 as quantizes_to
from squeezebert.compress.quantize import quantized, quantized4
from squeezebert.nn import from_artifact, pad, to_tensors
from squeezebert.nn.fake_quantization import Rounding, fake_quantize, rounded_inputs, rounded_tokens
from squeezebert.nn.grids import GRIDS, in_float16, int4_groups, int8_rows, shares
from squeezebert.nn.layers import GroupedLinear
from squeezebert.tasks import HEAD_KINDS
from squeezebert.train.settings import NO_QAT, QAT

CONFIG = tiny_config()
BATCH = random_batch(CONFIG, [9, 1, 4])


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_there_is_a_grid_for_every_precision_that_can_be_trained_for() -> None:
    assert {NO_QAT, *GRIDS} == set(QAT)


def test_int8_rows_are_those_of_quantize() -> None:
    values = drawn(50, 37)
    values[3] = 0
    whole, scale = quantized(values.numpy())
    np.testing.assert_array_equal(int8_rows(values).numpy(), whole * scale[:, None])


@pytest.mark.parametrize("size", [1e-9, 1e-5, 1.0, 1e4])
@pytest.mark.parametrize("inputs", [2, 24, 96, 384, 386, 1536])
def test_int4_groups_are_those_of_quantize(inputs: int, size: float) -> None:
    values = drawn(300, inputs) * size
    values[3] = 0
    whole, scale = quantized4(values.numpy())
    np.testing.assert_array_equal(int4_groups(values).numpy(), whole * scale[:, None])


@pytest.mark.parametrize("inputs", [386, 768, 900])
def test_int4_groups_are_up_to_seven_times_a_multiplier(inputs: int) -> None:
    values = drawn(20, inputs)
    scale = in_float16(values.abs().amax(1, keepdim=True) / 126)
    whole = int4_groups(values) / scale
    np.testing.assert_array_equal(whole, whole.round())
    for group in whole.split(384, dim=1):
        fits = [(group % m == 0).all(1) & (group.abs().amax(1) <= 7 * m) for m in range(1, 19)]
        assert torch.stack(fits).any(0).all()


@pytest.mark.parametrize("inputs", [2, 96, 384])
def test_a_single_group_is_up_to_seven_times_a_number_of_float16(inputs: int) -> None:
    for row in int4_groups(drawn(20, inputs)):
        steps = {float(top / n) for n in range(1, 8) if (top := row.abs().max()) / n == in_float16(top / n)}
        assert any(torch.equal(row / step, (row / step).round()) for step in steps)


@pytest.mark.parametrize("inputs", [96, 384])
def test_int4_takes_the_best_of_four_steps(inputs: int) -> None:
    values = drawn(64, inputs)
    plain = values / (step := in_float16(values.abs().amax(1, keepdim=True) / 7))
    largest = plain.round().clamp(-7, 7) * step
    errors = [(each - values).square().sum(1) for each in (int4_groups(values), largest)]
    assert (errors[0] <= errors[1] * 1.00001).all()
    assert errors[0].sum() < errors[1].sum()


def test_an_odd_number_of_inputs_stays_int8() -> None:
    values = drawn(8, 33)
    assert torch.equal(int4_groups(values), int8_rows(values))


ROUNDINGS = [rounded_tokens, rounded_inputs]


@pytest.mark.parametrize("rounded", ROUNDINGS)
def test_a_token_of_zeros_stays_zeros_and_no_number_stays_no_number(rounded: Callable[[Tensor], Tensor]) -> None:
    x = drawn(3, 8)
    x[0], x[1, 2] = 0, torch.nan
    found = rounded(x)
    assert not found[0].any()
    assert found[1].isnan().any()
    assert found[2].isfinite().all()


@pytest.mark.parametrize("shift", [0.0, 3.0, -3.0, 30.0])
def test_what_layers_read_lies_within_half_a_step_and_zero_is_kept(shift: float) -> None:
    x = drawn(20, 64) + shift
    x[:, 5] = 0.0
    found, step = rounded_inputs(x), (x.amax(1, keepdim=True).clamp(min=0) - x.amin(1, keepdim=True).clamp(max=0)) / 253
    whole = found / step
    assert ((found - x).abs() <= step * 0.50001).all()
    assert (whole - whole.round()).abs().max() < 1e-4
    assert (whole.amax(1) - whole.amin(1) <= 254.001).all()
    assert not found[:, 5].any()


@pytest.mark.parametrize("weights", GRIDS)
@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_names_and_weights_stay_as_they_were(kind: str, weights: str) -> None:
    artifact = with_factors(random_artifact(tiny_config(conv_kernel=3), head_of(kind), tied=False), share=0.5)
    network = from_artifact(artifact)
    fake_quantize(network, weights)
    found = to_tensors(network)
    assert found.keys() == artifact.tensors.keys()
    assert all(np.array_equal(found[name], artifact.tensors[name]) for name in found)
    network.load_state_dict(from_artifact(artifact).state_dict())


@pytest.mark.parametrize("weights", GRIDS)
@pytest.mark.parametrize("groups", [1, 4])
def test_gradients_pass_straight_through(groups: int, weights: str) -> None:
    layer, x = GroupedLinear(64, 32, groups), drawn(5, 7, 64).requires_grad_()
    network = torch.nn.Sequential(layer)
    fake_quantize(network, weights)
    network(x).square().sum().backward()
    found = [x.grad, layer.weight.grad, layer.bias.grad]
    grid, rows = GRIDS[weights], layer.weight.detach().flatten(1)
    inputs, matrix = rounded_inputs(x.detach()).requires_grad_(), grid(rows)[:, :, None].requires_grad_()
    x.grad = layer.weight.grad = layer.bias.grad = None
    same = torch.func.functional_call(layer, {"weight": matrix, "bias": layer.bias}, (inputs,))
    same.square().sum().backward()
    for ours, theirs in zip(found, (inputs.grad, matrix.grad, layer.bias.grad), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_every_weight_has_a_gradient() -> None:
    network = from_artifact(with_factors(random_artifact(CONFIG, head_of("classification")), share=0.5)).train()
    fake_quantize(network, "int4")
    ids, types, mask = pad(BATCH.ids, BATCH.types, BATCH.cu_seqlens)
    network(ids, types, mask).square().sum().backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()] == []


def test_float16_is_that_of_quantize() -> None:
    values = torch.tensor([0.1, 65504.0, 65520.0, -70000.0, 1e-9, 0.0, 2049.0])
    np.testing.assert_array_equal(in_float16(values), quantizes_to(values.numpy()))
    assert in_float16(values)[2:4].tolist() == [65520, -70000]


def test_with_int4_weights_vectors_are_those_of_float16_while_they_are_used() -> None:
    norm = torch.nn.LayerNorm(6)
    norm.weight.data, norm.bias.data = drawn(2, 6)
    (scale, shift), x = (values.clone() for values in norm.parameters()), drawn(3, 6)
    wanted = torch.nn.functional.layer_norm(x, (6,), in_float16(scale), in_float16(shift))
    fake_quantize(norm, "int4")
    assert torch.equal(norm(x), wanted)
    norm(x).square().sum().backward()
    assert all(values.grad is not None and values.grad.all() for values in norm.parameters())
    with pytest.raises(RuntimeError, match="normalized_shape"):
        norm(x[:, :5])
    assert torch.equal(norm.weight, scale)
    assert torch.equal(norm.bias, shift)
    plain = torch.nn.LayerNorm(6)
    plain.load_state_dict(norm.state_dict())
    fake_quantize(plain, "int8")
    assert torch.equal(plain(x), torch.nn.functional.layer_norm(x, (6,), scale, shift))


def test_a_weight_is_rounded_once_for_each_value_that_it_has() -> None:
    rounded: list[Tensor] = []
    rounding = Rounding(lambda values: (rounded.append(values), int8_rows(values))[1])
    layer, x = GroupedLinear(8, 8), drawn(3, 8)
    optimizer = torch.optim.AdamW([layer.weight], lr=0.1, fused=True)
    for step in range(1, 4):
        first, again = rounding(layer.weight), rounding(layer.weight)
        assert torch.equal(first, again)
        assert len(rounded) == step
        (x @ first.squeeze(-1)).sum().backward()
        optimizer.step()
        assert not torch.equal(first, int8_rows(layer.weight.detach().flatten(1)).view_as(first))
    layer.load_state_dict(GroupedLinear(8, 8).state_dict())
    assert torch.equal(rounding(layer.weight), int8_rows(layer.weight.detach().flatten(1)).view_as(layer.weight))


@pytest.mark.parametrize("trains", [True, False])
def test_a_table_gives_the_same_rows_whether_it_is_rounded_whole_or_in_part(trains: bool) -> None:
    network = from_artifact(random_artifact(CONFIG)).transformer
    table = network.embeddings.word_embeddings.weight.requires_grad_(trains)
    fake_quantize(network, "int8")
    for ids in (torch.tensor([[3, 3, 5]]), torch.arange(200)[None] % len(table)):
        found = network.embeddings.word_embeddings(ids)
        np.testing.assert_array_equal(found.detach(), int8_rows(table.detach())[ids])
        if trains:
            table.grad = None
            found.sum().backward()
            counts = torch.bincount(ids.flatten(), minlength=len(table))
            torch.testing.assert_close(table.grad, counts[:, None].float().expand_as(table))


@pytest.mark.parametrize("weights", GRIDS)
def test_under_autocast_it_rounds_in_float32_and_multiplies_in_bfloat16(weights: str) -> None:
    network = from_artifact(random_artifact(CONFIG, head_of("classification"))).train()
    ids, types, mask = pad(BATCH.ids, BATCH.types, BATCH.cu_seqlens)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        plain = network(ids, types, mask)
    fake_quantize(network, weights)
    with torch.no_grad():
        wanted = network(ids, types, mask)
    with torch.autocast("cpu", torch.bfloat16):
        found = network(ids, types, mask)
        assert rounded_tokens(drawn(3, 4)).dtype == torch.bfloat16
    assert found.dtype == plain.dtype
    found.float().square().sum().backward()
    assert all(weight.grad.dtype == torch.float32 for weight in network.parameters() if weight.grad is not None)
    assert (found - wanted).abs().mean() < 0.1


def test_shares_are_powers_of_two_of_127_within_a_ten_thousandth() -> None:
    x = torch.linspace(-19, 0, 5001)
    torch.testing.assert_close(shares(x), 127 * x.exp2(), rtol=1e-4, atol=0)
    assert float(shares(torch.tensor(-1e9))) < 0.001
    assert float(shares(torch.tensor(0.0)).round()) == 127
