"""Functions of a model's weights compiled, whatever the backend."""

from collections.abc import Hashable

import keras


def compiled(function, model: keras.Model | None = None, **options):
    """`function` compiled by the backend: tf.function or jax.jit; on torch without gradients.

    Args:
        function: of arrays.
        model: whose weights it uses, if they may change later: what is not handed over JAX takes for
            constant.
        options: for tf.function.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        # loops are `ops.while_loop`: reading the source for others would take most of the time
        return tf.function(function, reduce_retracing=True, autograph=False, **options)
    if backend == "jax":
        import jax

        return jax.jit(function) if model is None else _with_weights(function, model, jax.jit)
    if backend == "torch":
        return _without_gradients(function)
    return function


def _without_gradients(function):
    """`function` on torch, of tensors in place of arrays: torch does not mix the two."""
    import torch

    def called(*arguments):
        """`function`, so."""
        with torch.no_grad():
            return function(*keras.tree.map_structure(keras.ops.convert_to_tensor, arguments))

    return called


def _with_weights(function, model: keras.Model, compile_it):
    """`function`, compiled as one of the model's weights and of its own arguments."""

    def stateless(values, *arguments):
        """`function`, with these weights."""
        with keras.StatelessScope(state_mapping=list(zip(model.variables, values, strict=True))):
            return function(*arguments)

    again = compile_it(stateless)
    return lambda *arguments: again([variable.value for variable in model.variables], *arguments)


def once(model: keras.Model, name: Hashable, function, **options):
    """The compiled `function`, kept on the model so that it is traced once; `options` as of `compiled`."""
    store = model.__dict__.setdefault("_compiled_calls", {})
    if name not in store:
        store[name] = compiled(function, model, **options)
    return store[name]
