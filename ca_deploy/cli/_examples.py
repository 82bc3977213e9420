"""The examples below every ``--help``; each line is at most as long as a terminal of 80 columns shows."""

EXAMPLES = {
    "export": (
        "ca-deploy export --format tflite --int8 --output demo",
        "ca-deploy export mobilenet_v2_ca -w my.pth -f tflite -f onnx --int8 \\",
        "    -c photos/ --labels labels.txt -o exported",
        "ca-deploy export my_package.nets:build -w my.pth -f onnx \\",
        "    --mean 0.5 0.5 0.5 --std 0.5 0.5 0.5",
        "ca-deploy export my_net.pt2 -r tflite_static_wi8_ai16 -c photos/",
    ),
    "lower": ("ca-deploy lower", "ca-deploy lower my_package.nets:build -w my.pth -t litert-int8"),
    "check": (
        "ca-deploy check net.tflite",
        "ca-deploy check net.tflite -t xnnpack -t nnapi:30",
        "ca-deploy check net.tflite -t xnnpack --graph partitions.svg",
        "ca-deploy check --before mobilenet_v2_ca --int8",
    ),
    "parity": (
        "ca-deploy parity exported/net.onnx",
        "ca-deploy parity exported/net.onnx -a my_package.nets:build -w my.pth",
        "ca-deploy parity exported/net.tflite --runtime tensorflow -c photos/",
        "ca-deploy parity exported/net.tflite -a exported/net.onnx",
    ),
    "evaluate": (
        "ca-deploy evaluate exported/net.tflite --data photos/val",
        "ca-deploy evaluate exported/net.tflite --data photos/val \\",
        "    -a mobilenet_v2_ca -w my.pth",
    ),
    "predict": (
        "ca-deploy predict exported/net.tflite photo.jpg -o seen.png",
        "ca-deploy predict exported/net.tflite frames/ -o seen",
        "ca-deploy predict exported/net.onnx photo.jpg --json",
    ),
    "attention": (
        "ca-deploy attention mobilenet_v2_ca --image photo.jpg -o gates.png",
        "ca-deploy attention my_package.nets:build -w my.pth -i photo.jpg \\",
        "    --block stage3.ca -o gates.svg",
    ),
    "distill": (
        "ca-deploy distill mobilenet_v2_ca -w my.pth -o distilled",
        "ca-deploy export mobilenet_v2_ca -w my.pth -f onnx --int8 -c distilled",
    ),
    "profile": (
        "ca-deploy profile exported/*.tflite -d adb",
        "ca-deploy profile net.onnx -d ssh://pi@raspberrypi.local --threads 1,4",
        "ca-deploy profile net.tflite -d emulated:cortex-a76 --ops -o report",
        "ca-deploy profile *.tflite -d adb --protocol sustained --minutes 30",
        "ca-deploy profile --compare before/latency.json after/latency.json",
    ),
    "sweep": (
        "ca-deploy sweep SWEEP.toml -o swept",
        "ca-deploy sweep SWEEP.toml -o swept --scheduler tcp://192.168.0.7:8786",
    ),
    "report": (
        "ca-deploy report exported -o report.html",
        "ca-deploy report exported --markdown > report.md",
        "ca-deploy report first/ second/ --within 0.5 -o report.html",
    ),
    "doctor": ("ca-deploy doctor", "ca-deploy doctor --make-bundle arm.zip"),
    "schema": ("ca-deploy schema manifest", "ca-deploy schema recipe > recipe.schema.json"),
    "list": ("ca-deploy list recipes", "ca-deploy list devices --json"),
}


def examples(*lines: str) -> str:
    """Lines of examples as the Markdown that Typer prints below a command's help."""
    return "\n".join(("Examples:\n", "```", *lines, "```"))
