"""Does a game converge? The eigenvalues of its gradient field's Jacobian say so, close to a point.

Both players go down their own gradient. Together they follow a field over all their parameters,

    v(θ, ψ) = (−∇θ L_G, −∇ψ L_D),          J = ∂v / ∂(θ, ψ),

and J, the derivative of a derivative, is what `create_graph` is for. An eigenvalue with a negative
real part is a direction that dies away; with a positive one, one that grows; an imaginary part
turns. Small steps spiral into a rest only if all real parts are negative (Mescheder et al. 2017,
"The Numerics of GANs"; Mescheder et al. 2018 for what penalties do to them). This is the field of
gradients themselves, not of what Adam makes of them.

Next: ring.py.
"""

from __future__ import annotations

import copy

import numpy as np

from minigan.tensor import Array, Tensor, grad
from minigan.theory.game import Game


def jacobian(game: Game, real: Tensor, noise: Tensor) -> Array:
    """J of the game on these points and this noise, in float64: (n, n), the generator's first.

    The game stays as it is. Where a penalty is on points between data and fakes, these points are
    held still.
    """
    twins = [copy.deepcopy(each).to("float64") for each in (game.generator, game.discriminator)]
    generator, discriminator = twins
    twin = Game(
        game.objective,
        generator,
        discriminator,
        (game.generator_optimizer, game.discriminator_optimizer),  # neither will move
        real=game.real,
        noise=game.noise,
        random=game.random.fork("jacobian"),
        batch_size=len(real),
    )
    fake = generator(noise.to("float64"))
    g_loss = game.objective.generator_loss(discriminator(fake))
    d_loss = twin.discriminator_loss(real.to("float64"), fake)
    players = [list(network.parameters()) for network in twins]
    parameters = [parameter for own in players for parameter in own]
    field = [
        slope
        for loss, own in zip((g_loss, d_loss), players, strict=True)
        for slope in grad(loss, own, create_graph=True)
    ]
    rows = []
    for slope in field:
        assert slope is not None  # every parameter has a part in its player's loss
        line = slope.reshape(-1)
        for i in range(len(line)):
            derivatives = grad(line[i], parameters, retain_graph=True, allow_unused=True)
            pairs = zip(parameters, derivatives, strict=True)
            rows.append(np.concatenate([_line(*pair) for pair in pairs]))
    return -np.stack(rows)


def _line(parameter: Tensor, derivative: Tensor | None) -> Array:
    if derivative is None:  # this number does not depend on that parameter
        return np.zeros(parameter.numel())
    return derivative.numpy().ravel()


def eigenvalues(matrix: Array) -> Array:
    """Those of a real matrix (n, n), those with the largest real part first: complex (n,)."""
    found = np.linalg.eigvals(matrix)
    return found[np.argsort(-found.real, kind="stable")]
