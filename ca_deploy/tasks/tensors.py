"""The task of a network whose output has no known meaning."""

from ca_deploy.tasks import Task

TASK = Task(
    name="tensors",
    description="numbers without a known meaning, compared one by one",
    is_likely=lambda answer: False,
    headline="Run the network on a photo",
    output="The network's output.",
    python=("print(run(preprocess(sys.argv[1])))",),
)
