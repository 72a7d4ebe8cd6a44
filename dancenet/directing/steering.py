"""Dances that arrive: the choreographer's chance is bent, a little at every step, toward a pose to come.

Under the linear outlook the noise along the mixture's directions has a Gaussian posterior given the pose to
be reached. It is drawn from that instead of from its prior: a conditioned draw along the ways in which this
body can move from here, the twisted proposal of Guarniero, Johansen & Lee (2017).
Shape letters: B particles, T time steps, D = 128 latent dimensions, F cues, R directions, K components.
"""

from collections.abc import Callable

import numpy as np
from keras import ops

from dancenet.choreographer import Choreographer
from dancenet.config import LATENT_SIZE
from dancenet.machine.compiling import once
from dancenet.mixture import MixtureParameters, Noise
from dancenet.presets import ChoreographerPreset


def _next(model: Choreographer, pose, state, cues):
    """The mixture over the next pose and the new state: all that steering asks of the choreographer."""
    return model.step(pose, state, cues)


def steered_draw(mixture: MixtureParameters, noise: Noise, temperature, shares, look, error_of):
    """Draws of the mixture given a pose to come; without one (`look` 0) as `mixture.draw`.

    The noise z along the ways W of the mixture has prior N(0, I); the outlook's whitened error is
    e - look W z with unit covariance. So z given the pose to come has precision
    P = I + (look W)ᵀ(look W) and mean P⁻¹ (look W)ᵀ e (Bishop 2006, eqs. 2.116 and 2.117).

    Args:
        mixture, noise, temperature: as in `mixture.draw`.
        shares: of stray, two.
        look: (B, D, D), how the whitened outlook moves with the pose.
        error_of: mean pose (B, D) → whitened error of the outlook there (B, D).

    Returns:
        a pose (B, D) per share, and the log of prior over posterior of the noise (B,).
    """
    choice = ops.argmax(ops.log_softmax(mixture.logits, axis=-1) + temperature * noise.gumbel, axis=-1)
    chosen = ops.expand_dims(ops.one_hot(choice, mixture.logits.shape[-1], dtype="float32"), -1)
    mean = ops.sum(chosen * mixture.mean, axis=-2)
    if mixture.factor is None:  # every dimension is a way of its own, as far as the pose may stray
        scale = ops.sum(chosen * mixture.scale, axis=-2)
        ways = ops.expand_dims(shares[1] * scale, -1) * ops.eye(scale.shape[-1])
        prior, normal = noise.normal, ops.zeros_like(noise.normal)
    else:
        size = ops.sum(chosen * ops.expand_dims(mixture.size, -1), axis=-2)
        scale = size * mixture.scale[..., 0, :]
        ways = ops.expand_dims(size * ops.sqrt(temperature), -1) * mixture.factor
        prior, normal = noise.along, noise.normal
    seen = ops.matmul(look, ways)
    turned = ops.swapaxes(seen, -1, -2)
    root = ops.cholesky(ops.matmul(turned, seen) + ops.eye(ways.shape[-1]))
    pulled = ops.solve_triangular(root, ops.matmul(turned, ops.expand_dims(error_of(mean), -1)), lower=True)
    drawn = ops.expand_dims(prior, -1) + pulled
    drawn = ops.solve_triangular(ops.swapaxes(root, -1, -2), drawn, lower=False)
    moved = mean + ops.squeeze(ops.matmul(ways, drawn), -1)
    strain = 0.5 * ops.sum(ops.square(prior) - ops.square(drawn[..., 0]), axis=-1)
    strain = strain - ops.sum(ops.log(ops.diagonal(root, axis1=-2, axis2=-1)), axis=-1)
    return [moved + share * scale * normal for share in shares], strain


def loop_of(model: Choreographer, make: Callable[[Choreographer], Callable], count: int) -> Callable:
    """One of the loops below, compiled once for so many dances and the choreographer as it is now.

    One for every number of dances would compute in another order than each number's own.
    """
    return once(model, (make.__name__, count, model.mender, *map(float, model.home)), make(model))


def steered_chunk(model: Choreographer) -> Callable:
    """The loop over one chunk of steered dances, as a function of arrays alone.

    It takes the pose shown before the chunk and the one that the network goes on from, (B, D) each, the
    state, a `goal` (T, B, D) for each step with the number of steps left until then, `ahead` (T,), and how
    much it counts, `gain` (T, B), 0 where the dance is free; the shares `hold` (B, D) of what the pose is
    away from the goal that are taken back at every step; the outlook's `tables`, `cues` (T, B, F) and noise
    with leading dimensions (T, B), and the shares of it as in `rollout.chunk_function`. It returns the poses
    shown (T, B, D), the last pose, the state, and the log of prior over posterior of the noise (T, B).
    """

    def roll(shown, pose, state, goal, ahead, gain, hold, tables, cues, noise, temperature, stray, spread):
        """One chunk."""

        def step(t, shown, pose, poses, strains, *state):
            """One pose more."""
            mixture, state = _next(model, pose, state, cues[t])
            now = Noise(*(part[t] for part in noise))
            of_goal, of_pose, of_step, constant = (ops.take(table, ahead[t], axis=0) for table in tables)
            weight = ops.expand_dims(gain[t], -1)

            def error_of(mean):
                """How far the goal lies from what a pose leads to."""
                error = ops.matmul(goal[t], ops.transpose(of_goal)) - ops.matmul(mean, ops.transpose(of_pose))
                return weight * (error - ops.matmul(mean - shown, ops.transpose(of_step)) - constant)

            look = ops.expand_dims(weight, -1) * (of_pose + of_step)
            (shown, pose), strain = steered_draw(mixture, now, temperature, (stray, spread), look, error_of)
            shown, pose = (one + hold * (goal[t] - one) for one in (shown, pose))
            poses = ops.slice_update(poses, (t, 0, 0), ops.expand_dims(shown, 0))
            strains = ops.slice_update(strains, (t, 0), ops.expand_dims(strain, 0))
            return (t + 1, shown, pose, poses, strains, *state)

        steps = ops.shape(gain)[0]
        start = (ops.convert_to_tensor(0, "int32"), shown, pose, ops.zeros_like(goal), ops.zeros_like(gain))
        _, _, pose, poses, strains, *state = ops.while_loop(lambda t, *_: t < steps, step, (*start, *state))
        return poses, pose, list(state), strains

    return roll


def seen(model: Choreographer) -> Callable:
    """The loop that shows the network poses (T, B, D) from a state on; it returns the state after them."""

    def look(poses, state):
        """One opening."""
        steps = ops.shape(poses)[0]

        def step(t, *state):
            """One pose more."""
            return (t + 1, *_next(model, poses[t], list(state), model.no_cues(ops.shape(poses)[1]))[1])

        start = (ops.convert_to_tensor(0, "int32"), *state)
        return list(ops.while_loop(lambda t, *_: t < steps, step, start)[1:])

    return look


def particle_noise(
    random: np.random.Generator, steps: int, particles: int, preset: ChoreographerPreset
) -> Noise:
    """Noise with leading dimensions (T, B)."""
    return Noise(
        random.gumbel(size=(steps, particles, preset.components)).astype("float32"),
        random.standard_normal((steps, particles, preset.directions)).astype("float32"),
        random.standard_normal((steps, particles, LATENT_SIZE)).astype("float32"),
    )
