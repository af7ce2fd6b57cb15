"""Validates the manifests that `funcdock kubernetes` writes, and prints them as one JSON array.

Usage: validate.py FILE...  The exit status is 1 if any is wrong; stderr says what.

Kubernetes' own kinds are validated against its schemas (kubernetes-validate), which refuse fields that they
do not have. KEDA's against those of its models (cloudcoil-models-keda), likewise. What both leave open is
checked here: the metadata of triggers, and that manifests refer to each other by the right names.
"""

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml
from cloudcoil.models.keda import v1alpha1 as keda

# The oldest version that the book names, and the newest that the package has.
VERSIONS = ["1.30", "1.37"]

KEDA = {"ScaledObject": keda.ScaledObject, "TriggerAuthentication": keda.TriggerAuthentication}

# The metadata of each trigger: those that it needs, one of which it needs, and others that it may have.
TRIGGERS: dict[str, tuple[set[str], set[str], set[str]]] = {
    "azure-queue": (
        {"queueName"},
        {"connectionFromEnv", "accountName"},
        {"queueLength", "cloud", "endpointSuffix"},
    ),
    "cpu": ({"value"}, set(), set()),
    "external-push": ({"scalerAddress", "interceptorRoute"}, set(), set()),
}

Manifest = dict[str, Any]


def closed(schema: Any) -> Any:
    """Returns a schema in which objects have only the properties that it names."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    if found.get("type") == "object" and isinstance(found.get("properties"), dict):
        found.setdefault("additionalProperties", False)
    return found


def validate(manifest: Manifest) -> None:
    """Validates one manifest by the schema of its kind."""
    version, kind = manifest.get("apiVersion"), manifest.get("kind")
    if version == "keda.sh/v1alpha1":
        jsonschema.validate(manifest, closed(KEDA[kind].model_json_schema(by_alias=True)))
    elif version == "http.keda.sh/v1beta1":
        schema = Path(__file__).with_name("interceptor_route.json")
        jsonschema.validate(manifest, json.loads(schema.read_text()))
    else:
        for version in VERSIONS:
            kubernetes_validate.validate(manifest, version, strict=True)


def problems_of_all(manifests: list[Manifest]) -> list[str]:
    """Returns what is wrong between manifests, and in what schemas leave open."""
    problems = []

    def check(holds: bool, problem: str) -> None:
        if not holds:
            problems.append(problem)

    by_kind: dict[str, list[Manifest]] = {}
    for manifest in manifests:
        by_kind.setdefault(manifest["kind"], []).append(manifest)
    names = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests}
    check(len(names) == len(manifests), "two manifests of one kind have the same name")
    check(
        len({manifest["metadata"].get("namespace") for manifest in manifests}) == 1,
        "there are several namespaces",
    )

    [deployment] = by_kind["Deployment"]
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"]
    [container] = template["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    selects = deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    check(selects, "the Deployment does not select its pods")
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"]:
        check(container[probe]["httpGet"]["port"] in ports, f"{probe} has no port of the container")
    volumes = {volume["name"] for volume in template["spec"]["volumes"]}
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    check(mounts == volumes, f"{mounts} are mounted, and the volumes are {volumes}")
    for source in container["envFrom"]:
        check(("ConfigMap", source["configMapRef"]["name"]) in names, "envFrom has no ConfigMap")
    account = template["spec"].get("serviceAccountName")
    check(account is None or ("ServiceAccount", account) in names, "there is no ServiceAccount")
    arguments = container["args"]
    drain = int(arguments[arguments.index("--drain-timeout") + 1])
    pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    grace = template["spec"]["terminationGracePeriodSeconds"]
    check(pause + drain < grace, f"{pause} + {drain} seconds are not less than {grace}")

    services = by_kind.get("Service", [])
    for service in services:
        check(service["spec"]["selector"].items() <= labels.items(), "the Service selects no pods")
        check(
            all(port["targetPort"] in ports for port in service["spec"]["ports"]), "the Service has no port"
        )

    variables = {variable["name"] for variable in container.get("env", [])}
    scaled = by_kind.get("ScaledObject", [])
    check(len(scaled) <= 1, "several ScaledObjects scale one Deployment")
    for manifest in scaled:
        spec = manifest["spec"]
        check(("Deployment", spec["scaleTargetRef"]["name"]) in names, "the ScaledObject scales nothing")
        check(spec["minReplicaCount"] < spec["maxReplicaCount"], "there is nothing to scale")
        check("replicas" not in deployment["spec"], "the Deployment says the number of pods, too")
        check(bool(spec["triggers"]), "there are no triggers")
        for trigger in spec["triggers"]:
            problems.extend(problems_of_trigger(trigger, names, variables))
        needs_one = all(trigger["type"] == "cpu" for trigger in spec["triggers"])
        check(not needs_one or spec["minReplicaCount"] > 0, "nothing scales from zero")
    for route in by_kind.get("InterceptorRoute", []):
        target = route["spec"]["target"]
        served = any(
            service["metadata"]["name"] == target["service"]
            and any(port["port"] == target["port"] for port in service["spec"]["ports"])
            for service in services
        )
        check(served, "the InterceptorRoute has no Service")
    return problems


def problems_of_trigger(trigger: Manifest, names: set[tuple[str, str]], variables: set[str]) -> list[str]:
    """Returns what is wrong with one trigger of a ScaledObject."""
    kind, metadata = trigger["type"], trigger["metadata"]
    if kind not in TRIGGERS:
        return [f"{kind} is not a trigger that is known here"]
    needed, one_of, others = TRIGGERS[kind]
    problems = []
    if not needed <= metadata.keys() <= needed | one_of | others:
        problems.append(f"{kind} has the metadata {sorted(metadata)}")
    if one_of and len(one_of & metadata.keys()) != 1:
        problems.append(f"{kind} has not one of {sorted(one_of)}")
    if kind == "cpu" and trigger.get("metricType") != "Utilization":
        problems.append("cpu does not say of what its value is")
    setting = metadata.get("connectionFromEnv")
    if setting is not None and setting not in variables:
        problems.append(f"the container has no variable {setting}")
    reference = trigger.get("authenticationRef")
    if ("accountName" in metadata) != (reference is not None):
        problems.append(f"{kind} has an account without an identity, or the reverse")
    if reference and ("TriggerAuthentication", reference["name"]) not in names:
        problems.append(f"there is no TriggerAuthentication {reference['name']}")
    route = metadata.get("interceptorRoute")
    if route is not None and ("InterceptorRoute", route) not in names:
        problems.append(f"there is no InterceptorRoute {route}")
    return problems


def main() -> int:
    """Validates all manifests of the files together."""
    manifests = []
    for file in sys.argv[1:]:
        manifests.extend(yaml.safe_load_all(Path(file).read_text(encoding="utf-8")))
    problems = []
    for manifest in manifests:
        try:
            validate(manifest)
        except jsonschema.ValidationError as error:
            problems.append(f"{manifest['kind']}: {error.json_path}: {error.message}")
        except kubernetes_validate.SchemaNotFoundError as error:
            problems.append(error.message)
    # These look at fields that are there and have the right types.
    if not problems:
        problems = problems_of_all(manifests)
    for problem in problems:
        print(problem, file=sys.stderr)
    json.dump(manifests, sys.stdout)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
