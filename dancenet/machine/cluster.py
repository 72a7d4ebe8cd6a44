"""Which machines train together: from `TF_CONFIG`, or from SLURM; TensorFlow's own resolvers read both."""

import os
from typing import Any

from dancenet.errors import DancenetError


def resolver_of_cluster() -> Any:
    """TensorFlow's knowledge of the workers, from `TF_CONFIG` or else from SLURM; None for one alone."""
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    if tasks == 1 and not os.environ.get("TF_CONFIG"):
        return None
    import tensorflow as tf

    kinds = tf.distribute.cluster_resolver
    if not os.environ.get("TF_CONFIG"):
        # which GPUs a task has is SLURM's own business; asked to, the resolver gives them out once more
        slurm = kinds.SlurmClusterResolver(gpus_per_node=tasks, gpus_per_task=1, auto_set_gpu=False)
        spec = slurm.cluster_spec()
        return kinds.SimpleClusterResolver(
            spec, task_type=slurm.task_type, task_id=slurm.task_id, rpc_layer="grpc"
        )
    resolver = kinds.TFConfigClusterResolver()
    try:
        jobs = set(resolver.cluster_spec().jobs)
        resolver.cluster_spec().task_address(resolver.task_type, resolver.task_id)
    except (ValueError, TypeError, AttributeError) as error:
        raise _unclear(str(error)) from error
    if not jobs <= {"chief", "worker"}:
        raise _unclear(f"it names {', '.join(sorted(jobs))}")
    return resolver if sum(map(resolver.cluster_spec().num_tasks, jobs)) > 1 else None


def _unclear(what: str) -> DancenetError:
    return DancenetError(
        f"TF_CONFIG cannot be used ({what})", "the addresses of all workers, and which of them this is",
        'like {"cluster": {"worker": ["a:9999", "b:9999"]}, "task": {"type": "worker", "index": 0}}',
    )  # fmt: skip


def addresses_of(resolver: Any) -> tuple[list[str], int]:
    """Addresses of all workers, the chief's first, and this worker's place among them."""
    spec = resolver.cluster_spec().as_dict()
    named = [(kind, place) for kind in ("chief", "worker") for place in range(len(spec.get(kind, ())))]
    return [spec[kind][place] for kind, place in named], named.index((resolver.task_type, resolver.task_id))
