"""The task of a network whose outputs have no known meaning."""

from ca_deploy.tasks import Task

TASK = Task(
    name="tensors",
    description="numbers without a known meaning, compared one by one",
    likely=lambda signature, labels: "",
    headline="Run the network on a photo",
    output=lambda signature: "The network's output.",
    python=lambda signature: ("print(run(preprocess(sys.argv[1])))",),
)
