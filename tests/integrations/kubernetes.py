"""Checks the Job against the API's schema and against what the README says of it, and prints its script."""

import sys
from pathlib import Path

import kubernetes_validate
import yaml

VERSION = "1.33"

job = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
kubernetes_validate.validate(job, VERSION, strict=True)
spec = job["spec"]
container = spec["template"]["spec"]["containers"][0]
assert spec["completionMode"] == "Indexed" and spec["backoffLimitPerIndex"] >= 1
# Kubernetes takes a policy for failures only with this.
assert spec["template"]["spec"]["restartPolicy"] == "Never"
(fails,) = (rule["onExitCodes"] for rule in spec["podFailurePolicy"]["rules"] if rule["action"] == "FailIndex")
assert fails == {"containerName": container["name"], "operator": "In", "values": [2, 4]}
assert {"name": "PARTS", "value": str(spec["completions"])} in container["env"]
assert container["command"] == ["/bin/sh", "-c"]
mounts = {mount["name"] for mount in container["volumeMounts"]}
assert mounts == {volume["name"] for volume in spec["template"]["spec"]["volumes"]}
print(container["args"][0])
