"""The choreographer: three LSTM layers and a mixture-density head over the next latent pose.

Graves (2013), sections 3 and 4, on standardised latents. It predicts the next pose itself: predicting the
difference to it walks off the manifold, because all dimensions carry posterior noise.
Beside the pose it sees the cues of the next one (`cues.py`): where in the beat, the bar and the energy of
the music it will lie. All cues 0 is dancing without music; `preset.cues` = 0 a network that knows no music.
In training it is also told how the film was varied (`sequences.WAYS`), so that it learns from dancers who
were filmed smaller or leaning without making such dances itself (Karras et al. 2022, section 5): all 0 is as
filmed. Shape letters: B batch, T time steps, D = 128 latent dimensions, F cues, A numbers about the
variation, K mixture components, U units, P past poses.
"""

import contextlib
from collections.abc import Iterator

import keras
import numpy as np
from keras import layers, ops

from dancenet import mixture
from dancenet.config import LATENT_SIZE
from dancenet.machine import replicas
from dancenet.networks import recurrence
from dancenet.networks.centring import ACROSS
from dancenet.networks.mender import Mender
from dancenet.networks.mixed_precision import Dense
from dancenet.presets import ChoreographerPreset
from dancenet.sequences import AR_ORDER

#: LSTM layers, fixed by the design of the system.
LAYERS = 3
#: How much more than a latent a cue counts at first: they are few, and what they say soon shows in the poses
#: themselves, so that a network would else learn to do without them.
CUE_GAIN = 3.0
#: Steps over which it is known where a dance has been lately (five seconds at 15 a second): in each it
#: forgets a share of 1 / this.
LATELY = 75
#: What is taken back of a dance at each step, by name; measured or set when training ends (`stages/pace.py`).
TAKEN_BACK = ("homing", "balance", "restlessness", "farthest")
#: What the network adds to the linear autoregression starts this small.
FIRST_SHARE = 0.1


class Choreographer(keras.Model):
    """Next-pose model.

    Args:
        preset: sizes and training constants.
        seed: of dropout.
        narrow: training on a processor multiplies in bfloat16 (`networks/mixed_precision.py`).
    """

    def __init__(self, preset: ChoreographerPreset, *, seed: int = 0, narrow: bool = False):
        super().__init__(name="choreographer")
        self.preset = preset
        self.lstms = [
            # no seed of their own: what they drop follows from `keras.utils.set_random_seed`
            recurrence.LSTM(
                preset.units,
                weight_drop=preset.weight_drop,
                narrow=narrow,
                return_sequences=True,
                name=f"lstm_{i + 1}",
            )
            for i in range(LAYERS)
        ]
        mask = (None, 1, None) if preset.lasting_dropout else None
        self.dropouts = [replicas.Dropout(preset.dropout, mask, seed=seed + i) for i in range(LAYERS)]
        outputs = mixture.output_size(preset.components, LATENT_SIZE, preset.directions)
        self.hidden = Dense(preset.dense, narrow=narrow, activation="relu", name="hidden")
        self.head = Dense(outputs, narrow=narrow, name="mixture")
        self.skip = None
        if preset.skip:
            self.skip = layers.Dense(
                LATENT_SIZE, use_bias=False, kernel_initializer=keras.initializers.Identity(0.7), name="skip"
            )
            self.skip.build((None, None, AR_ORDER * LATENT_SIZE))
        #: Share of the place across the picture that each step outside of training takes back toward the
        #: middle, and of the mean place of the last `LATELY` steps; measured, not learned
        #: (`stages/travel.py`). Of several dances also (B, 1), one of its own for each.
        self.homing, self.balance = 0.0, 0.0
        #: The same share of where every other latent has been lately: who has crouched for a while gets up.
        self.restlessness = 0.0
        #: How far from their mean the film's poses lie at most, a length in standardised latents: of a step
        #: beyond, what is beyond is taken back. Not measured: 0, and dances go where they will.
        self.farthest = 0.0
        #: Mends the poses that are shown (`networks/mender.py`); learned after their decoder.
        self.mender: Mender | None = None
        self.loss_mean = keras.metrics.Mean("loss")
        width = LATENT_SIZE + preset.cues + preset.ways
        for lstm in self.lstms:
            lstm.build((None, None, width))
            width = preset.units
        self.hidden.build((None, None, width))
        self.head.build((None, None, preset.dense))
        self.built = True

    @contextlib.contextmanager
    def coming_home(self, homing, balance) -> Iterator[None]:
        """For what is danced meanwhile, another `homing` and `balance`."""
        before = self.homing, self.balance
        self.homing, self.balance = homing, balance
        try:
            yield
        finally:
            self.homing, self.balance = before

    def mended(self, poses):
        """Standardised poses (..., D) as they are shown: mended, where there is a mender."""
        return poses if self.mender is None else self.mender(poses)

    def start_from(self, weights: np.ndarray) -> None:
        """Begin as a linear autoregression, to which the network learns to add what that cannot know.

        Without it the network learns movement from nothing: it is soon sure of slow moments, for which the
        likelihood pays most, and takes far longer to see that fast ones go on as they went.

        Args:
            weights: (P·D + 1, D) as `baselines.Baselines.weights`; the constant is left out.
        """
        if self.skip is None:
            return
        self.skip.kernel.assign(weights[:-1])
        kernel = ops.convert_to_numpy(self.head.kernel).copy()
        kernel[:, : self.preset.components * (1 + LATENT_SIZE)] *= FIRST_SHARE
        self.head.kernel.assign(kernel)

    def _seen(self, poses, cues):
        """What goes into the first LSTM, (..., D + F + A), of cues (..., F), as filmed, or (..., F + A)."""
        as_filmed = self.preset.cues + self.preset.ways - cues.shape[-1]
        if as_filmed:
            cues = ops.concatenate([cues, ops.zeros_like(poses[..., :as_filmed])], axis=-1)
        return ops.concatenate([poses, CUE_GAIN * cues], axis=-1)

    def _mixture(self, x, history, training=False) -> mixture.MixtureParameters:
        """Mixture from the last LSTM's output and the poses that went in, (..., U) and (..., P·D).

        The means start from a linear autoregression. Unlike a prediction of differences it has a pose to come
        back to.
        """
        predicted = mixture.parameters(
            self.head(self.hidden(x, training=training), training=training),
            self.preset.components, LATENT_SIZE, self.preset.directions,
        )  # fmt: skip
        if self.skip is None:
            return predicted
        return predicted._replace(mean=predicted.mean + ops.expand_dims(self.skip(history), -2))

    def call(self, x, training=False):
        """Mixtures over the next pose, for every step.

        Args:
            x: (contexts, targets, cues) as in training, standardised (B, T, D) twice and (B, T, F), or
                (B, T, F + A) where the film is varied, of which the targets are not looked at; or the
                contexts alone, danced without cues.
            training: with dropout.
        """
        poses, _, cues = x if isinstance(x, (tuple, list)) else (x, None, self.no_cues(*ops.shape(x)[:2]))
        x = self._seen(poses, cues)
        for lstm, dropout in zip(self.lstms, self.dropouts, strict=True):
            x = dropout(lstm(x), training=training)
        past = [poses]
        while len(past) < AR_ORDER:  # before the first pose: zeros, as in `initial_state`
            past.append(ops.pad(past[-1][:, :-1], ((0, 0), (1, 0), (0, 0))))
        return self._mixture(x, ops.concatenate(past, axis=-1), training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Negative log-likelihood in nats per dimension of x = (contexts, targets, cues) as in `call`."""
        loss = -ops.mean(mixture.log_prob(y_pred, x[1])) / LATENT_SIZE
        self.loss_mean.update_state(loss)
        return loss

    @property
    def metrics(self):
        """Running mean of the training likelihood since the last reset."""
        return [self.loss_mean]

    def initial_state(self, batch: int) -> list[np.ndarray]:
        """Zero state in one flat list: (h, c) of every layer, each (B, U), P - 1 past poses (B, D), and where
        the dance has been lately (B, D)."""
        widths = [*2 * LAYERS * [self.preset.units], *AR_ORDER * [LATENT_SIZE]]
        return [np.zeros((batch, width), "float32") for width in widths]

    def no_cues(self, *shape):
        """Zeros (*shape, F): no music."""
        return ops.zeros((*shape, self.preset.cues), "float32")

    @property
    def home(self) -> tuple[np.ndarray, ...]:
        """The numbers named in `TAKEN_BACK`, float32."""
        return tuple(np.asarray(getattr(self, name), "float32") for name in TAKEN_BACK)

    def step(self, pose, state, cues, home=None):
        """One step outside of training.

        Args:
            pose: (B, D) standardised.
            cues: (B, F) of the pose that comes next.
            state: flat list as `initial_state` gives it.
            home: what is taken back; None: its own, as it is now.

        Returns:
            mixture over the next pose (leading dimension B), new state.
        """
        *state, lately = state
        x, new = self._seen(pose, cues), []
        for i, lstm in enumerate(self.lstms):
            x, (h, c) = lstm.cell(x, [state[2 * i], state[2 * i + 1]], training=False)
            new += [h, c]
        past = [pose, *state[2 * LAYERS :]]
        predicted = self._mixture(x, ops.concatenate(past, axis=-1))
        lately = lately + (pose - lately) / LATELY
        shares = (ops.convert_to_tensor(share, pose.dtype) for share in home or self.home)
        homing, balance, restlessness, farthest = shares
        across = ops.one_hot(ACROSS, LATENT_SIZE, dtype=pose.dtype)
        back = (homing * pose + balance * lately) * across + restlessness * lately * (1 - across)
        mean = within(farthest, predicted.mean - ops.expand_dims(back, -2))
        return predicted._replace(mean=mean), [*new, *past[:-1], lately]


def within(farthest, means):
    """Means (B, K, D) drawn in to a length of `farthest` (or (B, 1), one for each dance; 0: no such length).

    The linear autoregression in a network that has hardly learned may well grow from step to step; one that
    has learned stays far inside and is left as it is, to the bit.
    """
    farthest = ops.reshape(farthest, (-1, 1, 1))
    length = ops.norm(means, axis=-1, keepdims=True)
    return means * ops.where(farthest > 0, farthest / ops.maximum(length, farthest), 1.0)
