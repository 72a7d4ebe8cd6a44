"""Muon for convolutions as well as dense layers."""

from collections import defaultdict

import keras
import numpy as np
from keras import ops

from dancenet.machine.hardware import all_digits, on_gpu


@keras.saving.register_keras_serializable("dancenet")
class ConvMuon(keras.optimizers.Muon):
    """Muon (Jordan et al. 2024; scaled as in Liu et al. 2025, eq. 4), kernels read as matrices.

    Keras' own leaves four-dimensional kernels to Adam. A kernel (h, w, in, out) is orthogonalised as the
    matrix (h·w·in, out), as in the original. Layers named in `exclude_layers`, biases and gains use Adam.

    Args:
        newton_schulz: how kernels are orthogonalised: step by step in `float32` or `bfloat16` (as in the
            original: fast, and right to about a fifth), or by way of the `gram` matrix: in float32 with half
            the operations, right to a thousandth; not where float32 is multiplied with fewer digits, as
            GPUs do unless told otherwise. `together` is the same for all kernels at once whose gram matrices
            have one size: a GPU begins tens of small multiplications in place of hundreds.
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

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        """One step of all variables; `together` orthogonalises alike kernels at once."""
        if self.newton_schulz != "together":
            super()._backend_update_step(grads, trainable_variables, learning_rate)
            return
        alike = defaultdict(list)
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            place = self._get_variable_index(variable)
            if self.adam_velocities[place] is not None:
                self.update_step(gradient, variable, learning_rate)
                continue
            matrix = self._direction(gradient, self.momentums[place])
            alike[min(matrix.shape)].append((variable, matrix))
        for pairs in alike.values():
            matrices = [matrix for _, matrix in pairs]
            rates = [learning_rate * self._rate(*matrix.shape) for matrix in matrices]
            made = self._by_grams(matrices, self.ns_steps, rates)
            for (variable, _), update in zip(pairs, made, strict=True):
                self.assign_sub(variable, ops.reshape(update, variable.shape))

    def _muon_update_step(self, gradient, variable, lr, m):
        if self.newton_schulz != "gram":
            super()._muon_update_step(gradient, variable, lr, m)
            return
        matrix = self._direction(gradient, m)
        update = self._by_gram(matrix, self.ns_steps, lr * self._rate(*matrix.shape))
        self.assign_sub(variable, ops.reshape(update, variable.shape))

    def _direction(self, gradient, momentum):
        """What is orthogonalised, as a matrix; its momentum goes on (as Keras' own)."""
        self.assign_add(momentum, ops.add(gradient, momentum * (self.momentum - 1)))
        made = ops.add(gradient, self.momentum * momentum) if self.nesterov else momentum
        return ops.reshape(made, (-1, momentum.shape[-1]))

    def _by_gram(self, x, steps, rate=1.0):
        """The same iteration on the gram matrix of `x` (rows, columns), times `rate`.

        Nothing as large as `x` is touched but to multiply it: its norm is the root of the gram matrix' trace.
        """
        gram = self._gram(x)
        size = ops.sqrt(ops.trace(gram)) + 1e-7
        return self._times(x, self._product(gram / (size * size), steps) * (rate / size))

    def _by_grams(self, matrices, steps, rates):
        """The same of several matrices whose shorter sides are alike."""
        with all_digits():
            grams = [self._gram(x) for x in matrices]
            sizes = [ops.sqrt(ops.trace(gram)) + 1e-7 for gram in grams]
            products = self._product(
                ops.stack([gram / (size * size) for gram, size in zip(grams, sizes, strict=True)]), steps
            )
            shares = [rate / size for rate, size in zip(rates, sizes, strict=True)]
            return [self._times(x, products[i] * shares[i]) for i, x in enumerate(matrices)]

    @staticmethod
    def _gram(x):
        """G = XᵀX, or XXᵀ, whichever is smaller."""
        # as sums: nothing is turned round in memory
        return ops.einsum("ij,ik->jk", x, x) if x.shape[0] >= x.shape[1] else ops.einsum("ij,kj->ik", x, x)

    @staticmethod
    def _times(x, product):
        return ops.matmul(x, product) if x.shape[0] >= x.shape[1] else ops.matmul(product, x)

    def _product(self, gram, steps):
        """What X is multiplied by in all steps, of gram matrices (..., n, n).

        Each step multiplies X by P = aI + bG + cG², and so G on both sides: only small matrices meet until
        all P are one. A rounding of G grows a² = 12 times with each step.
        """
        one = self.muon_a * ops.eye(gram.shape[-1])
        product = None
        for step in range(steps):
            factor = one + self.muon_b * gram + self.muon_c * ops.matmul(gram, gram)
            product = factor if product is None else ops.matmul(product, factor)
            if step < steps - 1:
                gram = ops.matmul(factor, ops.matmul(gram, factor))
        return product

    def lr_adjust(self, x):
        """Scale an orthogonal update to the size of an Adam step."""
        return x * self._rate(int(np.prod(x.shape[:-1])), x.shape[-1])

    def _rate(self, rows, columns):
        return 1.0 if self.rms_rate is None else max(rows, columns) ** 0.5 * self.rms_rate


def newton_schulz_for(policy: str) -> str:
    """How `ConvMuon` orthogonalises fastest here, with convolutions of a dtype policy."""
    if not on_gpu():
        return "gram"
    if keras.backend.backend() == "jax":
        return "together"
    return "bfloat16" if policy == "mixed_bfloat16" else "float32"
