"""Muon for convolutions as well as dense layers."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("dancenet")
class ConvMuon(keras.optimizers.Muon):
    """Muon (Jordan et al. 2024; scaled as in Liu et al. 2025, eq. 4), kernels read as matrices.

    Keras' own leaves four-dimensional kernels to Adam. A kernel (h, w, in, out) is orthogonalised as the
    matrix (h·w·in, out), as in the original; the Newton-Schulz iteration may run in bfloat16, also as there.
    Layers named in `exclude_layers`, biases and gains use Adam.
    """

    def __init__(self, *args, newton_schulz_dtype: str = "float32", **kwargs):
        super().__init__(*args, **kwargs)
        self.newton_schulz_dtype = newton_schulz_dtype

    def get_config(self):
        """Keras' own configuration and the type of the iteration."""
        return {**super().get_config(), "newton_schulz_dtype": self.newton_schulz_dtype}

    def _should_use_adamw(self, variable):
        if len(variable.shape) == 4:
            return any(word in variable.path for word in self.exclude_layers)
        return super()._should_use_adamw(variable)

    def zeropower_via_newtonschulz5(self, x, steps):
        """Orthogonalise a matrix, or a kernel read as one."""
        matrix = ops.reshape(x, (-1, x.shape[-1])) if len(x.shape) == 4 else x
        matrix = ops.cast(matrix, self.newton_schulz_dtype)
        orthogonal = ops.cast(super().zeropower_via_newtonschulz5(matrix, steps), x.dtype)
        return ops.reshape(orthogonal, x.shape)

    def lr_adjust(self, x):
        """Scale an orthogonal update to the size of an Adam step."""
        if len(x.shape) != 4:
            return super().lr_adjust(x)
        rows = x.shape[0] * x.shape[1] * x.shape[2]
        return x * (max(rows, x.shape[3]) ** 0.5 * self.rms_rate)
