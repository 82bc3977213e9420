"""A vector per image, that is compared with others by its direction."""

from ca_deploy.tasks import Task

TASK = Task(
    name="embedding",
    description="a vector per image, compared by its direction (cosine)",
    is_likely=lambda answer: False,  # (N, C) could be one as well as logits: --task embedding says so
    headline="Turn a photo into a vector",
    output="The vector, to be compared by its direction.",
    python=("print(run(preprocess(sys.argv[1])))",),
)
