"""How several devices, or machines, train one model: `tf.distribute` or, on JAX, `keras.distribution`."""

import contextlib
import functools
import json
from collections.abc import Callable, Iterator
from typing import Any, Literal

import keras
import numpy as np

from dancenet.errors import DancenetError
from dancenet.machine.cluster import addresses_of, resolver_of_cluster
from dancenet.machine.stepping import Steps
from dancenet.machine.team import ALONE, Team

#: Bytes of the longest thing that the chief may say, as JSON.
SAID_BYTES = 8192


def lost(error: Exception) -> DancenetError:
    """A worker has gone: what to do."""
    return DancenetError(
        f"another worker of this training has gone ({type(error).__name__})",
        "all workers until the end",
        "start the same command on all of them again: it goes on from the last checkpoint",
    )


def _bytes_of(said: Any) -> np.ndarray:
    """JSON as (`SAID_BYTES`,) int32, one number a byte: what collectives of both backends can carry."""
    text = json.dumps(said).encode()
    if len(text) > SAID_BYTES:
        raise ValueError(f"the chief said {len(text)} bytes, at most {SAID_BYTES} are heard")
    return np.frombuffer(text.ljust(SAID_BYTES), "uint8").astype("int32")


def _heard(numbers: Any) -> Any:
    return json.loads(np.asarray(numbers).astype("uint8").tobytes())


class _TensorFlowTeam(Team):
    """A `tf.distribute` strategy over the devices of one or several machines."""

    def __init__(self, strategy: Any, worker: int, workers: int):
        super().__init__(worker, workers, strategy.num_replicas_in_sync // workers)
        self.strategy = strategy

    def scope(self) -> contextlib.AbstractContextManager:
        """See `Team`."""
        return self.strategy.scope()

    def agreed(self, said: Any) -> Any:
        """See `Team`."""
        if self.workers == 1:
            return said
        with _workers_gone():
            return _heard(self._chiefs_bytes(_bytes_of(said if self.chief else None)))

    @functools.cached_property
    def _chiefs_bytes(self) -> Any:
        import tensorflow as tf

        def own(said):
            """The sum of what the first replica of all says and nothing from the others."""
            context = tf.distribute.get_replica_context()
            first = tf.equal(context.replica_id_in_sync_group, 0)
            return context.all_reduce("SUM", tf.where(first, said, tf.zeros_like(said)))

        @tf.function
        def heard(said):
            """On any of this worker's replicas."""
            return self.strategy.experimental_local_results(self.strategy.run(own, (said,)))[0]

        return heard

    def steps(self, model: keras.Model, *, strides: bool = False) -> Steps:
        """See `Team`."""
        return Steps(model, functools.partial(self._step, self._step_of(model)))

    def _step(self, step: Any, batch: Any) -> dict[str, float]:
        """One step on this process' rows of a batch; the model's metrics over the whole batch."""
        first = self.worker * self.devices

        def share(context):
            """One device's rows."""
            place = context.replica_id_in_sync_group - first
            return tuple(np.array_split(part, self.devices)[place] for part in batch)

        with _workers_gone():
            made = step(self.strategy.experimental_distribute_values_from_function(share))
            return {name: float(value) for name, value in made.items()}

    def _spread(self, function: Callable, model: keras.Model) -> Callable:
        import tensorflow as tf

        run = tf.function(lambda shares: self.strategy.run(function, (shares,)), reduce_retracing=True)
        first = self.worker * self.devices

        def spread(batch):
            """Each device a share, and all of them together again."""
            shares = np.array_split(batch, self.devices)
            distribute = self.strategy.experimental_distribute_values_from_function
            made = run(distribute(lambda context: shares[context.replica_id_in_sync_group - first]))
            return tuple(np.concatenate(self.strategy.experimental_local_results(part)) for part in made)

        return spread

    def _step_of(self, model: keras.Model) -> Any:
        """A step of one model, compiled: Keras' own, with gradients that are averaged before anything else.

        Keras clips the gradients of each replica and then sums them; on one device it clips the sum.
        """
        import tensorflow as tf

        optimizer = model.optimizer
        getattr(optimizer, "inner_optimizer", optimizer)._all_reduce_sum_gradients = list

        def one(batch):
            """Of one replica."""
            context = tf.distribute.get_replica_context()
            for metric in model.metrics:  # from outside it would be a message to all workers each
                metric.reset_state()
            with tf.GradientTape() as tape:
                loss = model.compute_loss(x=batch, y_pred=model(batch, training=True), training=True)
                loss = optimizer.scale_loss(loss)
            pairs = zip(tape.gradient(loss, model.trainable_weights), model.trainable_weights, strict=True)
            gradients, weights = zip(*(pair for pair in pairs if pair[0] is not None), strict=True)
            optimizer.apply(context.all_reduce("MEAN", list(gradients)), weights)
            return context.all_reduce("MEAN", {metric.name: metric.result() for metric in model.metrics})

        @tf.function(reduce_retracing=True)
        def step(shares):
            """Of all replicas of this worker."""
            made = self.strategy.run(one, (shares,))
            return {name: self.strategy.experimental_local_results(part)[0] for name, part in made.items()}

        return step


class _JaxTeam(Team):
    """`keras.distribution.DataParallel` over the devices of one or several machines."""

    def __init__(self, distribution: Any, worker: int, workers: int, devices: int):
        super().__init__(worker, workers, devices)
        self.distribution = distribution

    def scope(self) -> contextlib.AbstractContextManager:
        """See `Team`."""
        return self.distribution.scope()

    def steps(self, model: keras.Model, *, strides: bool = False) -> Steps:
        """See `Team`: Keras' own, which splits batches itself."""

        def step(batch: Any) -> dict[str, float]:
            """One step on this process' rows of a batch."""
            with self.scope():
                return model.train_on_batch(batch, return_dict=True)

        return Steps(model, step)

    def _spread(self, function: Callable, model: keras.Model) -> Callable:
        run = super()._spread(function, model)

        def spread(batch):
            """As it lies on the devices, so it is computed."""
            layout = self.distribution.get_data_layout(batch.shape)
            return run(keras.distribution.distribute_tensor(batch, layout))

        return spread

    def agreed(self, said: Any) -> Any:
        """See `Team`."""
        if self.workers == 1:
            return said
        from jax.experimental import multihost_utils

        return _heard(multihost_utils.broadcast_one_to_all(_bytes_of(said if self.chief else None)))


@contextlib.contextmanager
def _workers_gone() -> Iterator[None]:
    """Turn the failure of a connection into a `DancenetError`."""
    import tensorflow as tf

    errors = tf.errors
    try:
        yield
    except (errors.UnavailableError, errors.AbortedError, errors.CancelledError, errors.DeadlineExceededError,
            errors.InternalError) as error:  # fmt: skip
        raise lost(error) from error


@functools.cache
def team_of(devices: int | Literal["all"] = 1) -> Team:
    """The team of this process, the same each time it is asked.

    Args:
        devices: of this machine; GPUs where it has any.

    `TF_CONFIG` names the workers where there are several (TensorFlow's own form, on JAX too); without it a
    SLURM job of several tasks does.

    Raises:
        DancenetError: fewer devices; a backend that cannot.
    """
    backend, resolver = keras.backend.backend(), resolver_of_cluster()
    if backend in ("tensorflow", "jax"):
        return (_tensorflow if backend == "tensorflow" else _jax)(devices, resolver)
    if devices == 1 and resolver is None:
        return ALONE
    asked = f"--devices {devices}" if resolver is None else "several workers"
    raise DancenetError(
        f"{asked} with KERAS_BACKEND={backend}", "tensorflow or jax", "train on one device, or with another"
    )


def _chosen(devices: int | Literal["all"], found: list) -> list:
    """The first `devices` of those that were found."""
    if devices == "all":
        return found
    if devices > len(found):
        raise DancenetError(
            f"--devices {devices}, and this machine has {len(found)}",
            f"1 to {len(found)}",
            "or --devices all",
        )
    return found[:devices]


def _tensorflow(devices: int | Literal["all"], resolver: Any) -> Team:
    import tensorflow as tf

    if resolver is None:
        logical = tf.config.list_logical_devices
        chosen = _chosen(devices, logical("GPU") or logical("CPU"))
        if len(chosen) == 1:
            return ALONE
        return _TensorFlowTeam(tf.distribute.MirroredStrategy([device.name for device in chosen]), 0, 1)
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:  # the strategy takes all that are visible
        tf.config.set_visible_devices(_chosen(devices, gpus), "GPU")
    elif devices != "all":
        _chosen(devices, ["CPU"])
    addresses, worker = addresses_of(resolver)
    with _workers_gone():
        strategy = tf.distribute.MultiWorkerMirroredStrategy(resolver)
    return _TensorFlowTeam(strategy, worker, len(addresses))


def _jax(devices: int | Literal["all"], resolver: Any) -> Team:
    import jax

    if resolver is None:
        chosen = _chosen(devices, keras.distribution.list_devices())
        if len(chosen) == 1:
            return ALONE
        return _JaxTeam(keras.distribution.DataParallel(devices=chosen), 0, 1, len(chosen))
    addresses, worker = addresses_of(resolver)
    keras.distribution.initialize(",".join(addresses), len(addresses), worker)
    here = len(jax.local_devices())
    if devices not in ("all", here):
        raise DancenetError(
            f"--devices {devices} of {here} on JAX with several workers", "all",
            "hide the others with CUDA_VISIBLE_DEVICES, and give --devices all",
        )  # fmt: skip
    everywhere = keras.distribution.DataParallel(devices=keras.distribution.list_devices())
    return _JaxTeam(everywhere, worker, len(addresses), here)
