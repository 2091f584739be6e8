"""JAX: noise, both networks' gradients and both Adam updates in one compiled function.

Images lie with their channels last, as XLA likes them on a processor. The old state is donated, so
that the new one can take its memory.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import cycle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from contenders import Game, UnsupportedError, Work
from contenders.cases import Layer, Layers, Operation, Step

Params = dict[str, Any]  # "0.weight", …
Stats = dict[str, Any]  # "1.running_mean", …


class Contender:
    """JAX, each step and each operation jitted."""

    def __init__(self, threads: int) -> None:
        """JAX takes as many threads as the process has processors: worker.py limits those."""

    def versions(self) -> dict[str, str]:
        import jaxlib

        return {"jax": jax.__version__, "jaxlib": jaxlib.__version__, "BLAS": "XLA's own"}

    def step(self, case: Step, arrays: dict[str, Any]) -> Game:
        return JaxGame(case, arrays)

    def operation(self, case: Operation) -> dict[str, Work]:
        kind, *numbers = case.layer
        random = np.random.default_rng(0)

        def fresh(*shape: int) -> Any:
            return jnp.asarray(random.standard_normal(shape, np.float32))

        if kind == "matmul":
            a, b = fresh(*case.shape), fresh(*case.shape)
            return {"forward": _timed(jax.jit(jnp.matmul), a, b)}
        if kind in ("linear", "conv", "conv_transpose"):
            inputs, outputs, *window = numbers
            w = (
                fresh(outputs, inputs)
                if kind == "linear"
                else fresh(*window[:1] * 2, inputs, outputs)
            )
            params = {"0.weight": w} | ({"0.bias": fresh(outputs)} if kind == "linear" else {})
        elif kind.startswith("batch_norm"):
            params = {"0.weight": fresh(numbers[0]), "0.bias": fresh(numbers[0])}
        elif kind in ACTIVATIONS:
            params = {}
        else:
            raise UnsupportedError("not an operation that is compiled on its own")
        n, channels, *size = case.shape
        x = fresh(n, *size, channels)

        def layer(x: Any, params: Params) -> Any:
            return apply_layer(case.layer, 0, params, x)[0]

        g = fresh(*jax.eval_shape(layer, x, params).shape)
        parts = {"forward": _timed(jax.jit(layer), x, params)}
        if kind in ("linear", "conv", "conv_transpose"):
            parts["input gradient"] = _backward(lambda x: layer(x, params), g, x)
            parts["weight gradient"] = _backward(lambda params: layer(x, params), g, params)
        else:
            parts["backward"] = _backward(layer, g, x, params)
        return parts


def _backward(function: Callable[..., Any], g: Any, *arguments: Any) -> Work:
    """The compiled backward pass, with what the forward pass keeps for it computed beforehand."""
    _, pull = jax.jit(lambda *arguments: jax.vjp(function, *arguments))(*arguments)
    return _timed(jax.jit(lambda pull, g: pull(g)), pull, g)


def _timed(function: Callable[..., Any], *arguments: Any) -> Work:
    return lambda: jax.block_until_ready(function(*arguments))


# ---------------------------------------------------------------------------------------------
# Networks


ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "leaky_relu": lambda x, slope: jnp.where(x > 0, x, slope * x),
    "relu": lambda x: jnp.maximum(x, 0),
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
}


def apply_layer(layer: Layer, i: int, params: Params, x: Any) -> tuple[Any, dict[str, Any]]:
    """The layer's output, and batch norm's mean and unbiased variance of the batch."""
    kind, *numbers = layer
    if kind in ACTIVATIONS:
        return ACTIVATIONS[kind](x, *numbers), {}
    if kind == "flatten":  # (N, H, W, C) -> (N, C·H·W), in torch's order
        return x.transpose(0, 3, 1, 2).reshape(len(x), -1), {}
    if kind == "unflatten":  # (N, C·H·W) -> (N, H, W, C)
        return x.reshape(len(x), *numbers).transpose(0, 2, 3, 1), {}
    w, b = params[f"{i}.weight"], params.get(f"{i}.bias", 0)
    if kind == "linear":
        return x @ w.T + b, {}
    if kind == "conv":
        _, _, _, stride, padding, _ = numbers
        return _convolution(x, w, stride, padding) + b, {}
    if kind == "conv_transpose":
        _, _, kernel, stride, padding, _ = numbers
        # The adjoint of a convolution: the input is spread out by the stride, the kernel flipped.
        border = kernel - 1 - padding
        return _convolution(x, w[::-1, ::-1], 1, border, spread=stride) + b, {}
    over = tuple(range(x.ndim - 1))
    mean, var = x.mean(over), x.var(over)
    y = (x - mean) * (w / jnp.sqrt(var + numbers[1])) + b
    count = x.size // x.shape[-1]
    return y, {f"{i}.running_mean": mean, f"{i}.running_var": var * (count / (count - 1))}


def _convolution(x: Any, w: Any, stride: int, padding: int, spread: int = 1) -> Any:
    """(N, H, W, C), (KH, KW, C, O) -> (N, OH, OW, O)"""
    return lax.conv_general_dilated(
        x,
        w,
        window_strides=(stride, stride),
        padding=[(padding, padding)] * 2,
        lhs_dilation=(spread, spread),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def run_network(layers: Layers, params: Params, x: Any) -> tuple[Any, Stats]:
    batch_stats: Stats = {}
    for i, layer in enumerate(layers):
        x, found = apply_layer(layer, i, params, x)
        batch_stats |= found
    return x, batch_stats


def _load(layers: Layers, weights: dict[str, np.ndarray]) -> tuple[Params, Stats]:
    """Weights in JAX's layout: kernels as (KH, KW, C, O)."""
    params: Params = {}
    stats: Stats = {}
    for name, array in weights.items():
        kind = layers[int(name.partition(".")[0])][0]
        if "running" in name:
            stats[name] = jnp.asarray(array)
            continue
        if kind == "conv" and array.ndim == 4:
            array = array.transpose(2, 3, 1, 0)  # (O, C, KH, KW) -> (KH, KW, C, O)
        if kind == "conv_transpose" and array.ndim == 4:
            array = array.transpose(2, 3, 0, 1)  # (C, O, KH, KW) -> (KH, KW, C, O)
        params[name] = jnp.asarray(array)
    return params, stats


# ---------------------------------------------------------------------------------------------
# Games


class JaxGame:
    """The state is a dict: parameters, statistics and Adam's moments of both networks."""

    def __init__(self, case: Step, arrays: dict[str, Any]) -> None:
        self.case = case
        self.state: dict[str, Any] = {}
        for name in ("generator", "discriminator"):
            params, stats = _load(getattr(case, name), arrays[name])
            zeros = jax.tree.map(jnp.zeros_like, params)
            self.state[name] = {
                "params": params,
                "stats": stats,
                "mean": zeros,
                "square": jax.tree.map(jnp.zeros_like, params),
                "count": jnp.zeros((), jnp.int32),
            }
        rounds = {"gan": gan_round, "dcgan": dcgan_round, "wgan_gp": wgan_gp_round}
        play_round = functools.partial(rounds[case.game], case)
        self.given = jax.jit(play_round)

        def own(state: Any, real: Any, key: Any) -> Any:
            key, *keys = jax.random.split(key, len(case.draws()) + 1)
            draws = [
                (jax.random.normal if kind == "normal" else jax.random.uniform)(k, shape)
                for k, (kind, shape) in zip(keys, case.draws(), strict=True)
            ]
            return *play_round(state, real, [_channels_last(draw) for draw in draws]), key

        self.own = jax.jit(own, donate_argnums=0)
        self.key = jax.random.key(0)
        images = arrays["images"]
        images = images.reshape(len(images), -1) if case.flat_images else _channels_last(images)
        batches = [jnp.asarray(b) for b in np.split(images, len(images) // case.images)]
        self.first, self.batches = batches[0], cycle(batches)

    def play(self) -> object:
        self.state, losses, self.key = self.own(self.state, next(self.batches), self.key)
        return jax.block_until_ready((self.state, losses))

    def check(self, draws: list[np.ndarray]) -> dict[str, float]:
        noise = [jnp.asarray(_channels_last(draw)) for draw in draws]
        self.state, (d_loss, g_loss) = self.given(self.state, self.first, noise)
        return {"D loss": float(d_loss), "G loss": float(g_loss)}


def _channels_last(array: Any) -> Any:
    """(N, C, H, W) -> (N, H, W, C); rows stay as they are."""
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def _adam(case: Step, net: dict[str, Any], gradients: Params) -> dict[str, Any]:
    beta1, beta2 = case.betas
    count = net["count"] + 1
    mean = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, net["mean"], gradients)
    square = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, net["square"], gradients)
    rate, root = case.lr / (1 - beta1**count), jnp.sqrt(1 - beta2**count)
    params = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v) / root + 1e-8), net["params"], mean, square
    )
    return net | {"params": params, "mean": mean, "square": square, "count": count}


def _track(net: dict[str, Any], batch_stats: Stats) -> dict[str, Any]:
    """Running statistics move a tenth of the way towards the batch's."""
    stats = {name: 0.9 * net["stats"][name] + 0.1 * batch_stats[name] for name in net["stats"]}
    return net | {"stats": stats}


def _real(p: Any) -> Any:
    """Cross entropy of probabilities against the label 1; torch's limit on the logarithm."""
    return -jnp.maximum(jnp.log(p), -100).mean()


def _fake(p: Any) -> Any:
    return -jnp.maximum(jnp.log1p(-p), -100).mean()


def gan_round(case: Step, state: Any, real: Any, draws: list[Any]) -> Any:
    net_g, net_d = state["generator"], state["discriminator"]

    def g_loss(params: Params) -> Any:
        fake, stats = run_network(case.generator, params, draws[0])
        score, _ = run_network(case.discriminator, net_d["params"], fake)
        return _real(score), (fake, stats)

    (loss_g, (fake, stats)), gradients = jax.value_and_grad(g_loss, has_aux=True)(net_g["params"])
    net_g = _track(_adam(case, net_g, gradients), stats)

    def d_loss(params: Params) -> Any:
        real_score, _ = run_network(case.discriminator, params, real)
        fake_score, _ = run_network(case.discriminator, params, fake)
        return (_real(real_score) + _fake(fake_score)) / 2

    loss_d, gradients = jax.value_and_grad(d_loss)(net_d["params"])
    net_d = _adam(case, net_d, gradients)
    return {"generator": net_g, "discriminator": net_d}, (loss_d, loss_g)


def dcgan_round(case: Step, state: Any, real: Any, draws: list[Any]) -> Any:
    net_g, net_d = state["generator"], state["discriminator"]
    fake, pull, stats = jax.vjp(
        lambda params: run_network(case.generator, params, draws[0]), net_g["params"], has_aux=True
    )
    net_g = _track(net_g, stats)

    def d_loss(params: Params) -> Any:
        real_score, real_stats = run_network(case.discriminator, params, real)
        fake_score, fake_stats = run_network(case.discriminator, params, fake)
        return _real(real_score) + _fake(fake_score), (real_stats, fake_stats)

    (loss_d, both), gradients = jax.value_and_grad(d_loss, has_aux=True)(net_d["params"])
    net_d = _track(_track(_adam(case, net_d, gradients), both[0]), both[1])

    def g_loss(fake: Any) -> Any:
        score, stats = run_network(case.discriminator, net_d["params"], fake)
        return _real(score), stats

    (loss_g, stats), g_fake = jax.value_and_grad(g_loss, has_aux=True)(fake)
    net_d = _track(net_d, stats)
    net_g = _adam(case, net_g, pull(g_fake)[0])
    return {"generator": net_g, "discriminator": net_d}, (loss_d, loss_g)


def wgan_gp_round(case: Step, state: Any, real: Any, draws: list[Any]) -> Any:
    net_g, net_d = state["generator"], state["discriminator"]
    noise = iter(draws)
    for images in jnp.split(real, case.critic_steps):
        fake, _ = run_network(case.generator, net_g["params"], next(noise))
        mix = next(noise)
        between = mix * images + (1 - mix) * fake

        def d_loss(params: Params, images: Any = images, fake: Any = fake, x: Any = between) -> Any:
            def critic(x: Any) -> Any:
                return run_network(case.discriminator, params, x)[0]

            g = jax.grad(lambda x: critic(x).sum())(x)
            norms = jnp.sqrt((g * g).reshape(len(g), -1).sum(1) + 1e-12)
            distance = critic(images).mean() - critic(fake).mean()
            return 10 * ((norms - 1) ** 2).mean() - distance

        loss_d, gradients = jax.value_and_grad(d_loss)(net_d["params"])
        net_d = _adam(case, net_d, gradients)

    def g_loss(params: Params) -> Any:
        fake, _ = run_network(case.generator, params, draws[-1])
        return -run_network(case.discriminator, net_d["params"], fake)[0].mean()

    loss_g, gradients = jax.value_and_grad(g_loss)(net_g["params"])
    net_g = _adam(case, net_g, gradients)
    return {"generator": net_g, "discriminator": net_d}, (loss_d, loss_g)
