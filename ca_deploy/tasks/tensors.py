"""A network of which nothing but its numbers is known."""

from ca_deploy.tasks import Task

TASK = Task(
    name="tensors",
    description="numbers of any meaning, compared one by one",
    is_likely=lambda answer: False,
    python=("print(run(preprocess(sys.argv[1])))",),
)
