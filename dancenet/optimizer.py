"""Muon for convolutions as well as dense layers."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("dancenet")
class ConvMuon(keras.optimizers.Muon):
    """Muon (Jordan et al. 2024; scaled as in Liu et al. 2025, eq. 4), kernels read as matrices.

    Keras' own leaves four-dimensional kernels to Adam. A kernel (h, w, in, out) is orthogonalised as the
    matrix (h·w·in, out), as in the original. Layers named in `exclude_layers`, biases and gains use Adam.

    Args:
        newton_schulz: how kernels are orthogonalised: step by step in `float32` or `bfloat16` (as in the
            original: fast, and right to about a fifth), or by way of the `gram` matrix: in float32 with half
            the operations, right to a thousandth; not where float32 is multiplied with fewer digits, as
            GPUs do.
    """

    def __init__(self, *args, newton_schulz: str = "float32", **kwargs):
        super().__init__(*args, **kwargs)
        self.newton_schulz = newton_schulz

    def get_config(self):
        """Keras' own configuration and the kind of the iteration."""
        return {**super().get_config(), "newton_schulz": self.newton_schulz}

    def _should_use_adamw(self, variable):
        if len(variable.shape) == 4:
            return any(word in variable.path for word in self.exclude_layers)
        return super()._should_use_adamw(variable)

    def zeropower_via_newtonschulz5(self, x, steps):
        """Orthogonalise a matrix, or a kernel read as one."""
        matrix = ops.reshape(x, (-1, x.shape[-1])) if len(x.shape) == 4 else x
        if self.newton_schulz == "gram":
            return ops.reshape(self._by_gram(matrix, steps), x.shape)
        matrix = ops.cast(matrix, self.newton_schulz)
        orthogonal = ops.cast(super().zeropower_via_newtonschulz5(matrix, steps), x.dtype)
        return ops.reshape(orthogonal, x.shape)

    def _by_gram(self, x, steps):
        """The same iteration on G = XᵀX (or XXᵀ, whichever is smaller), X (rows, columns).

        Each step multiplies X by P = aI + bG + cG², and so G on both sides: only small matrices meet until
        all P are one. A rounding of G grows a² = 12 times with each step.
        """
        x = x / (ops.norm(x) + 1e-7)
        tall = x.shape[0] >= x.shape[1]
        turned = ops.transpose(x)
        gram = ops.matmul(turned, x) if tall else ops.matmul(x, turned)
        one = self.muon_a * ops.eye(gram.shape[0])
        product = None
        for step in range(steps):
            factor = one + self.muon_b * gram + self.muon_c * ops.matmul(gram, gram)
            product = factor if product is None else ops.matmul(product, factor)
            if step < steps - 1:
                gram = ops.matmul(factor, ops.matmul(gram, factor))
        return ops.matmul(x, product) if tall else ops.matmul(product, x)

    def lr_adjust(self, x):
        """Scale an orthogonal update to the size of an Adam step."""
        if len(x.shape) != 4:
            return super().lr_adjust(x)
        rows = x.shape[0] * x.shape[1] * x.shape[2]
        return x * (max(rows, x.shape[3]) ** 0.5 * self.rms_rate)
