"""The choreographer: three LSTM layers and a mixture-density head over the next latent pose.

Graves (2013), sections 3 and 4, on standardised latents. It predicts the next pose itself: predicting the
difference to it walks off the manifold, because all dimensions carry posterior noise.
Shape letters: B batch, T time steps, D = 128 latent dimensions, K mixture components, U units.
"""

import keras
import numpy as np
from keras import layers, ops

from dancenet import mixture
from dancenet.config import LATENT_SIZE, ChoreographerPreset

#: LSTM layers, fixed by the design of the system.
LAYERS = 3


class Choreographer(keras.Model):
    """Next-pose model.

    Args:
        preset: sizes and training constants.
        seed: of dropout.
    """

    def __init__(self, preset: ChoreographerPreset, *, seed: int = 0):
        super().__init__(name="choreographer")
        self.preset = preset
        self.lstms = [
            layers.LSTM(preset.units, return_sequences=True, name=f"lstm_{i + 1}") for i in range(LAYERS)
        ]
        self.dropouts = [layers.Dropout(preset.dropout, seed=seed + i) for i in range(LAYERS)]
        self.hidden = layers.Dense(preset.dense, activation="relu", name="hidden")
        self.head = layers.Dense(mixture.output_size(preset.components, LATENT_SIZE), name="mixture")
        self.skip = None
        if preset.skip:
            self.skip = layers.Dense(
                LATENT_SIZE, use_bias=False, kernel_initializer=keras.initializers.Identity(0.7), name="skip"
            )
            self.skip.build((None, None, LATENT_SIZE))
        self.loss_mean = keras.metrics.Mean("loss")
        width = LATENT_SIZE
        for lstm in self.lstms:
            lstm.build((None, None, width))
            width = preset.units
        self.hidden.build((None, None, width))
        self.head.build((None, None, preset.dense))
        self.built = True

    def _mixture(self, x, poses) -> mixture.MixtureParameters:
        """Mixture from the last LSTM's output and the poses that went in, both (..., ·).

        The means start from a contraction of the present pose, so that the network only has to say how the
        next one differs; unlike a prediction of differences this has a pose to come back to.
        """
        logits, mean, scale = mixture.parameters(
            self.head(self.hidden(x)), self.preset.components, LATENT_SIZE
        )
        if self.skip is not None:
            mean = mean + ops.expand_dims(self.skip(poses), -2)
        return mixture.MixtureParameters(logits, mean, scale)

    def call(self, latents, training=False):
        """Mixtures over the next pose, for every step of standardised latents (B, T, D).

        A pair (contexts, targets), as in training, is read as its contexts.
        """
        poses = latents[0] if isinstance(latents, (tuple, list)) else latents
        x = poses
        for lstm, dropout in zip(self.lstms, self.dropouts, strict=True):
            x = dropout(lstm(x), training=training)
        return self._mixture(x, poses)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Negative log-likelihood in nats per dimension of x = (contexts, targets), each (B, T, D)."""
        loss = ops.mean(mixture.negative_log_likelihood(y_pred, x[1]))
        self.loss_mean.update_state(loss)
        return loss

    @property
    def metrics(self):
        """Running mean of the training likelihood since the last reset."""
        return [self.loss_mean]

    def initial_state(self, batch: int) -> list[np.ndarray]:
        """Zero state: (h, c) of every layer, each (B, U), in one flat list."""
        return [np.zeros((batch, self.preset.units), "float32") for _ in range(2 * LAYERS)]

    def step(self, pose, state):
        """One step outside of training.

        Args:
            pose: (B, D) standardised.
            state: flat list of (h, c) per layer.

        Returns:
            mixture over the next pose (leading dimension B), new state.
        """
        x, new = pose, []
        for i, lstm in enumerate(self.lstms):
            x, (h, c) = lstm.cell(x, [state[2 * i], state[2 * i + 1]], training=False)
            new += [h, c]
        return self._mixture(x, pose), new
